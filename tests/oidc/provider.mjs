// A certified OpenID provider for tests: node provider.mjs '{"site": "http://127.0.0.1:8080", "groups": ["chess"]}'
// It prints its address, and accepts any name and password; the name is the subject.
import { createServer } from 'node:http'
import { Provider } from 'oidc-provider'

const options = JSON.parse(process.argv[2])
const server = createServer()
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: options.client_id,
      client_secret: options.client_secret,
      redirect_uris: [`${options.site}/oauth/oidc/callback`],
      post_logout_redirect_uris: [`${options.site}/auth`],
      backchannel_logout_uri: `${options.site}/oauth/backchannel-logout`,
      backchannel_logout_session_required: true,
      grant_types: ['authorization_code', 'refresh_token'],
    },
  ],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  features: { backchannelLogout: { enabled: true }, introspection: { enabled: true } },
  // The site is at 127.0.0.1, to which the provider's own dispatcher does not connect.
  fetch: (url, { dispatcher, ...request }) => fetch(url, request),
  ttl: { AccessToken: options.lifetime ?? 3600 },
  issueRefreshToken: async () => true,
  findAccount: async (_, id) => ({
    accountId: id,
    claims: async () => ({
      sub: id,
      email: `${id}@example.com`,
      email_verified: true,
      name: id[0].toUpperCase() + id.slice(1),
      groups: options.groups,
    }),
  }),
  cookies: { keys: ['only for tests'] },
})
provider.on('backchannel.error', (_, error) => console.error(error))
provider.on('server_error', (_, error) => console.error(error))
server.on('request', provider.callback())
console.log(issuer)

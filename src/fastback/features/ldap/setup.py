"""Build and register signing in with LDAP."""

from __future__ import annotations

from fastback.config import Config
from fastback.features.auths.provisioning import Provisioner
from fastback.features.auths.sign_in import SignIn
from fastback.features.groups.service import GroupService
from fastback.features.ldap import routes
from fastback.features.ldap.directory_threads import DirectoryThreads
from fastback.features.ldap.service import LdapSignIn
from fastback.features.second_factors.service import SecondFactors
from fastback.kit.db import Database
from fastback.kit.rate_limiter import RateLimiter
from fastback.kit.redis import Redis
from fastback.kit.services import Component, Services
from fastback.kit.tasks import Tasks
from fastback.settings import Settings


async def set_up(services: Services) -> None:
    """Add the `LdapSignIn`."""
    directory = DirectoryThreads()
    services.get(Tasks).run_at_shutdown(directory.close)
    services.add(
        LdapSignIn,
        LdapSignIn(
            settings=services.get(Settings),
            config=services.get(Config),
            limiter=RateLimiter(services.get(Redis) if services.has(Redis) else None),
            directory=directory,
            provisioner=services.get(Provisioner),
            groups=services.get(GroupService),
            signing_in=services.get(SignIn),
            second_factors=services.get(SecondFactors),
            db=services.get(Database),
        ),
    )


COMPONENT = Component(name="ldap", routers=[routes.router], setup=set_up)

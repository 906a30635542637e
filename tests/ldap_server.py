"""A private OpenLDAP server (slapd) with TLS, groups, and people whose names need escaping."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fastback.demo.process import find_free_port

if TYPE_CHECKING:
    import ldap3

BASE = "dc=example,dc=org"
ADMIN_DN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "admin secret"
#: The account of the application, which may search everything.
READER_DN, READER_PASSWORD = f"cn=reader,{BASE}", "reader secret"
PASSWORD = "secret of {}"
#: A name with everything that filters and distinguished names escape.
ODD_NAME = "o*(dd)\\n,a=m~e"

_PROGRAM = shutil.which("slapd") or shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/libexec")
_SCHEMAS = Path("/etc/ldap/schema")
#: Why tests with the server are skipped; empty where they run.
MISSING = "" if _PROGRAM and _SCHEMAS.is_dir() else "slapd is not installed (apt install slapd)"

_CONFIGURATION = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcPidFile: {home}/pid
olcTLSCACertificateFile: {home}/ca.pem
olcTLSCertificateFile: {home}/server.pem
olcTLSCertificateKeyFile: {home}/server.key

dn: cn=module{{0}},cn=config
objectClass: olcModuleList
cn: module{{0}}
olcModulePath: /usr/lib/ldap
olcModuleLoad: back_mdb
olcModuleLoad: memberof

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file://{schemas}/core.ldif
include: file://{schemas}/cosine.ldif
include: file://{schemas}/inetorgperson.ldif

dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {base}
olcRootDN: {admin}
olcRootPW: {password}
olcDbDirectory: {home}/data
olcDbMaxSize: 16777216
olcDbIndex: uid eq
olcAccess: {{0}}to attrs=userPassword by anonymous auth by * none
olcAccess: {{1}}to dn.base="{base}" by * read
olcAccess: {{2}}to dn.subtree="ou=public,{base}" by * read
olcAccess: {{3}}to * by dn.exact="{reader}" read by * none

dn: olcOverlay={{0}}memberof,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcMemberOf
olcOverlay: {{0}}memberof
"""

#: Groups by their distinguished names, and the members of each. `nested` has its name in the second component.
GROUPS = {
    "cn=staff,ou=groups": ["anna"],
    "cn=Sales\\2C EMEA,ou=groups": ["anna"],
    "cn=Größe\\2BMaß,ou=groups": ["anna", "müller"],
    "ou=nested,cn=Board,ou=groups": ["müller"],
}


def escape_dn(text: str) -> str:
    """Return a value as it appears in a distinguished name."""
    return "".join(f"\\{character}" if character in '\\,+"<>;=' else character for character in text)


def build_dn(uid: str, unit: str = "people") -> str:
    """Return the distinguished name of a person."""
    return f"uid={escape_dn(uid)},ou={unit},{BASE}"


@dataclass(frozen=True)
class LdapServer:
    """A running server: its ports without TLS and with it, and the certificates of two authorities.

    Attributes:
        ca_file: of the authority that signed the server's certificate, which is for `localhost` and 127.0.0.1. The
            server also listens on 127.0.0.2.
        other_ca_file: of an authority that signed nothing.
    """

    port: int
    tls_port: int
    ca_file: str
    other_ca_file: str

    def list_addresses(self) -> dict[str, str]:
        """Return the addresses and files that scenarios of the recorder name."""
        return {
            "directory.ldap": f"ldap://127.0.0.1:{self.port}",
            "directory.ldaps": f"ldaps://127.0.0.1:{self.tls_port}",
            "directory.authority": self.ca_file,
            "directory.stranger": self.other_ca_file,
        }

    def connect(self) -> ldap3.Connection:
        """Return a connection that may change everything."""
        import ldap3

        return ldap3.Connection(f"ldap://127.0.0.1:{self.port}", ADMIN_DN, ADMIN_PASSWORD, auto_bind=True)

    def add_person(self, uid: str, *, unit: str = "people", **attributes: object) -> None:
        """Add a person whose password is `PASSWORD.format(uid)`."""
        values = {"cn": uid, "sn": uid, "userPassword": PASSWORD.format(uid), **attributes}
        with self.connect() as connection:
            added = connection.add(
                build_dn(uid, unit), "inetOrgPerson", {key: value for key, value in values.items() if value}
            )
            assert added, connection.result

    def get_settings(self, **changes: object) -> dict[str, object]:
        """Return the administrator's page of settings for this server, with TLS."""
        return {
            "label": "Directory",
            "host": "localhost",
            "port": self.tls_port,
            "app_dn": READER_DN,
            "app_dn_password": READER_PASSWORD,
            "search_base": BASE,
            "search_filters": "(objectClass=inetOrgPerson)",
            "certificate_path": self.ca_file,
            **changes,
        }


def _create_configuration(program: Path, home: Path) -> None:
    text = _CONFIGURATION.format(
        home=home, schemas=_SCHEMAS, base=BASE, admin=ADMIN_DN, password=ADMIN_PASSWORD, reader=READER_DN
    )
    (home / "configuration.ldif").write_text(text)
    (home / "config").mkdir()
    (home / "data").mkdir()
    command = [str(program), "-T", "add", "-n", "0", "-F", str(home / "config"), "-l", str(home / "configuration.ldif")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("slapd did not start")


def _add_entries(server: LdapServer) -> None:
    with server.connect() as connection:

        def add(dn: str, classes: str | list[str], **attributes: object) -> None:
            assert connection.add(dn, classes, attributes), (dn, connection.result)

        add(BASE, ["dcObject", "organization"], dc="example", o="Example")
        for unit in ("people", "groups", "public", "twins"):
            add(f"ou={unit},{BASE}", "organizationalUnit")
        add(f"cn=Board,ou=groups,{BASE}", ["applicationProcess"])
        add(READER_DN, ["applicationProcess", "simpleSecurityObject"], userPassword=READER_PASSWORD)
    server.add_person("anna", cn="Anna Ångström", mail="Anna@Example.org")
    server.add_person("müller", cn="Jürgen Müller", mail="mueller@example.org")
    server.add_person(ODD_NAME, cn="Odd, Name", mail="odd@example.org")
    server.add_person("nomail", cn="No Mail")
    server.add_person("two", cn=["First Name", "Second Name"], mail=["two@example.org", "second@example.org"])
    server.add_person("photo", cn="A Photo", mail="photo@example.org", jpegPhoto=b"\xff\xd8\xff\xe0 no text")
    server.add_person("open", unit="public", cn="Open", mail="open@example.org")
    server.add_person("open", unit="twins", cn="Twin", mail="twin@example.org")
    with server.connect() as connection:
        for name, members in GROUPS.items():
            values = {"member": [build_dn(member) for member in members]}
            if name.startswith("ou="):
                values["cn"] = ["unused"]
            assert connection.add(f"{name},{BASE}", ["groupOfNames"], values), (name, connection.result)


@contextmanager
def run_ldap_server() -> Iterator[LdapServer]:
    """Run a server with its entries on free ports, and remove it at the end."""
    from certificate_authority import CertificateAuthority  # conftest imports this module for every test

    assert _PROGRAM is not None, MISSING
    home = Path(tempfile.mkdtemp(prefix="fastback_ldap_"))
    # A copy: where AppArmor confines the program, it does so by its path, to the directories of the distribution.
    program = Path(shutil.copy2(_PROGRAM, home / "directory-server"))
    authority = CertificateAuthority("Tests")
    authority.issue(home / "server.pem", home / "server.key")
    server = LdapServer(
        port=find_free_port(),
        tls_port=find_free_port(),
        ca_file=authority.save(home / "ca.pem"),
        other_ca_file=CertificateAuthority("Others").save(home / "other.pem"),
    )
    _create_configuration(program, home)
    hosts = ("127.0.0.1", "127.0.0.2")
    urls = [f"{scheme}://{host}:{port}/" for host in hosts for scheme, port in _list_listeners(server)]
    log = home / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(program), "-h", " ".join(urls), "-F", str(home / "config"), "-d", "0"],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(process, server.port, log)
        _add_entries(server)
        yield server
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(home)


def _list_listeners(server: LdapServer) -> list[tuple[str, int]]:
    return [("ldap", server.port), ("ldaps", server.tls_port)]

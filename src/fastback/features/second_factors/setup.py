"""Build and register the second factors; where the policy requires them, check that they can be verified."""

from __future__ import annotations

from fastback.access.audit import AuditLog
from fastback.config import Config
from fastback.config.keys.auth import AUTH_MFA_ENABLE
from fastback.features.second_factors import routes
from fastback.features.second_factors.accounts import FactorAccounts
from fastback.features.second_factors.authenticators import Authenticators
from fastback.features.second_factors.challenges import Challenges
from fastback.features.second_factors.code_verification import CodeVerifier
from fastback.features.second_factors.completion import SignInCompletion
from fastback.features.second_factors.enrolment import Enrolment
from fastback.features.second_factors.policy import PolicyError, SecondFactorPolicy
from fastback.features.second_factors.secret_cipher import SecretCipher
from fastback.features.second_factors.security_log import SecurityLog
from fastback.features.second_factors.self_service import SelfService
from fastback.features.second_factors.service import SecondFactors
from fastback.features.sessions.issuing import SessionIssuer
from fastback.kit.bus import Bus
from fastback.kit.cluster import Cluster
from fastback.kit.db import Database
from fastback.kit.services import Component, Services
from fastback.settings import Settings, SettingsError


async def set_up(services: Services) -> None:
    """Add the services of the second factors.

    Raises:
        SettingsError: the policy requires second factors, which cannot be verified.
    """
    db, config = services.get(Database), services.get(Config)
    bus, settings = services.get(Bus), services.get(Settings)
    security_log = SecurityLog(bus, services.get(AuditLog) if services.has(AuditLog) else None)
    accounts = FactorAccounts(db, security_log)
    challenges = Challenges(accounts, config)
    authenticators = Authenticators(SecretCipher(settings))
    verifier = CodeVerifier(authenticators, security_log)
    policy = SecondFactorPolicy(
        db=db, settings=settings, config=config, bus=bus, authenticators=authenticators, security_log=security_log
    )
    if config.get_bool(AUTH_MFA_ENABLE):
        try:
            await policy.require_possible()
        except PolicyError as error:
            raise SettingsError(str(error)) from error
    factors = SecondFactors(
        config=config, accounts=accounts, challenges=challenges, verifier=verifier, cluster=services.get(Cluster)
    )
    enrolment = Enrolment(
        bus=bus, accounts=accounts, challenges=challenges, authenticators=authenticators, security_log=security_log
    )
    self_service = SelfService(config=config, bus=bus, accounts=accounts, verifier=verifier, security_log=security_log)
    services.add(SecondFactorPolicy, policy)
    services.add(SecondFactors, factors)
    services.add(Enrolment, enrolment)
    services.add(SelfService, self_service)
    services.add(SignInCompletion, SignInCompletion(db=db, settings=settings, sessions=services.get(SessionIssuer)))


COMPONENT = Component(name="second_factors", routers=[routes.router], setup=set_up)

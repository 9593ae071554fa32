"""Users: sign-up, log-in, log-out, and the user of a token."""

from service.domain.entities import Session
from service.domain.errors import TakenError, TooManyError, UnauthenticatedError
from service.domain.ports import AccountStore, Limits, Passwords, SessionStore


class Users:
    """The use cases around accounts and sessions; `address` is where a client comes from."""

    def __init__(self, accounts: AccountStore, sessions: SessionStore, passwords: Passwords, limits: Limits) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._limits = limits
        self._nobody = passwords.hash("")

    def sign_up(self, username: str, password: str, address: str) -> Session:
        """Make an account and log it in; TakenError when the name is, TooManyError from one address."""
        _admit(self._limits.count_sign_up(address))
        user_id = self._accounts.create_user(username, self._passwords.hash(password))
        if user_id is None:
            raise TakenError(f"the name {username} is taken")
        token = self._sessions.open_session(user_id)
        self._sessions.mark_written(token)
        return Session(user_id, token, wrote_lately=True)

    def log_in(self, username: str, password: str, address: str) -> Session:
        """Open a session; UnauthenticatedError says not which of the two was wrong.

        TooManyError for one name or from one address.
        """
        _admit(self._limits.count_log_in(username, address))
        found = self._accounts.find_credentials(username)
        # An unknown name costs as much as a wrong password, so that the time does not tell which names exist.
        matches = self._passwords.verify(found.password_hash if found else self._nobody, password)
        if found is None or not matches:
            raise UnauthenticatedError("wrong username or password")
        return Session(found.user_id, self._sessions.open_session(found.user_id), wrote_lately=False)

    def log_out(self, token: str) -> None:
        """End a session; UnauthenticatedError when there is none."""
        self.identify(token)
        self._sessions.close_session(token)

    def identify(self, token: str) -> Session:
        """Whose session the token opens; UnauthenticatedError when there is none."""
        session = self._sessions.find_session(token)
        if session is None:
            raise UnauthenticatedError("no such session")
        return session

    def identify_writer(self, token: str) -> Session:
        """As `identify` for a user who is about to write and must then read the own write."""
        session = self._sessions.find_writer(token)
        if session is None:
            raise UnauthenticatedError("no such session")
        return session


def _admit(wait: float) -> None:
    if wait:
        raise TooManyError(wait)

"""Users: signing up, logging in and out, and who a token belongs to."""

from dataclasses import dataclass

from service.domain.errors import TakenError, UnauthenticatedError
from service.domain.ports import AccountStore, Passwords, SessionStore


@dataclass(frozen=True)
class Session:
    """A user's id with a token that stands for him."""

    user_id: int
    token: str


class Users:
    """The use cases around accounts and sessions."""

    def __init__(self, accounts: AccountStore, sessions: SessionStore, passwords: Passwords) -> None:
        self._accounts = accounts
        self._sessions = sessions
        self._passwords = passwords
        self._nobody = passwords.hash("")

    def sign_up(self, username: str, password: str) -> Session:
        """Make an account and log it in; TakenError when the name is."""
        user_id = self._accounts.create_user(username, self._passwords.hash(password))
        if user_id is None:
            raise TakenError(f"the name {username} is taken")
        return Session(user_id, self._sessions.open_session(user_id))

    def log_in(self, username: str, password: str) -> Session:
        """Open a session; UnauthenticatedError says not which of the two was wrong."""
        found = self._accounts.find_credentials(username)
        # An unknown name costs as much as a wrong password, so that the time does not tell which names exist.
        matches = self._passwords.verify(found.password_hash if found else self._nobody, password)
        if found is None or not matches:
            raise UnauthenticatedError("wrong username or password")
        return Session(found.user_id, self._sessions.open_session(found.user_id))

    def log_out(self, token: str) -> None:
        """End a session; UnauthenticatedError when there is none."""
        self.identify(token)
        self._sessions.close_session(token)

    def identify(self, token: str) -> int:
        """The id of the user whom the token stands for."""
        user_id = self._sessions.find_session(token)
        if user_id is None:
            raise UnauthenticatedError("no such session")
        return user_id

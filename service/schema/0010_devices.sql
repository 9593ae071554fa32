-- Where a user wants to be told of things, by the token under which the push service knows the app on his phone. On the
-- user's shard.
CREATE TABLE {shard}.devices (
    user_id bigint NOT NULL,
    token text NOT NULL,
    added_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, token)
);

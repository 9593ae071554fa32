-- One logical shard: a schema with the users whose names hash to it, and all that belongs to them. {shard} is the
-- schema's name, {number} the shard's number. No foreign keys: they lock the parent row on every like, and rows on
-- different shards could not have them anyway. The service checks that a photo exists before it is liked.
--
-- The indexes on created_at (BRIN: a few kB for millions of rows) serve the audit: what was stored since a moment.

CREATE TABLE {shard}.users (
    user_id bigint PRIMARY KEY,
    username text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    -- Counted by the statements that add and remove rows of this shard: a profile costs one row.
    photos bigint NOT NULL DEFAULT 0,
    followers bigint NOT NULL DEFAULT 0,
    following bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 85);

CREATE INDEX users_by_moment ON {shard}.users USING brin (created_at);

-- like_count is written by every like. No index holds it and each page keeps room, so the new row version stays on
-- its page and no index is touched (heap-only tuples).
CREATE TABLE {shard}.photos (
    photo_id bigint PRIMARY KEY,
    owner_id bigint NOT NULL,
    object_key text NOT NULL,
    caption text NOT NULL,
    thumbnail boolean NOT NULL DEFAULT false,
    like_count bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 85);

CREATE INDEX photos_by_owner ON {shard}.photos (owner_id, photo_id);
CREATE INDEX photos_by_moment ON {shard}.photos USING brin (created_at);

CREATE TABLE {shard}.likes (
    photo_id bigint NOT NULL,
    user_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (photo_id, user_id)
);

CREATE INDEX likes_by_moment ON {shard}.likes USING brin (created_at);

-- Each edge is stored twice: here on the follower's shard, and in `followers` on the followee's.
CREATE TABLE {shard}.following (
    follower_id bigint NOT NULL,
    followee_id bigint NOT NULL,
    PRIMARY KEY (follower_id, followee_id)
);

CREATE TABLE {shard}.followers (
    followee_id bigint NOT NULL,
    follower_id bigint NOT NULL,
    PRIMARY KEY (followee_id, follower_id)
);

CREATE TABLE {shard}.comments (
    photo_id bigint NOT NULL,
    comment_id bigint NOT NULL,
    author_id bigint NOT NULL,
    body text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (photo_id, comment_id)
);

-- On the shard that the tag's hash gives, whatever the photo's.
CREATE TABLE {shard}.tags (
    tag text NOT NULL,
    photo_id bigint NOT NULL,
    PRIMARY KEY (tag, photo_id)
);

-- Milliseconds since 2010-10-06 times 1024, plus a number within the millisecond: what the last id was made of.
CREATE SEQUENCE {shard}.ticks AS bigint MINVALUE 0 START 0;

-- The next id (domain/ids.py says what is in it). Its tick follows the clock as long as the clock is ahead, and else
-- the last tick: so it is never given twice when the clock steps back, nor when more than 1,024 are asked for within a
-- millisecond, which takes the next milliseconds in advance.
CREATE FUNCTION {shard}.next_id(moment timestamptz DEFAULT clock_timestamp()) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    clock bigint := floor(extract(epoch FROM moment - '2010-10-06T00:00:00Z') * 1000)::bigint << 10;
    tick bigint;
BEGIN
    -- Waits while the shard is being moved to another server, and fails when it is gone.
    LOCK TABLE {shard}.schema_migrations IN ROW EXCLUSIVE MODE;
    -- For this function only, not to the end of the transaction: that may wait for a disk.
    PERFORM pg_advisory_lock(1, {number});
    tick := nextval('{shard}.ticks');
    IF tick < clock THEN
        tick := setval('{shard}.ticks', clock);
    END IF;
    PERFORM pg_advisory_unlock(1, {number});
    RETURN (tick >> 10 << 23) | ({number} << 10) | (tick & 1023);
EXCEPTION WHEN query_canceled OR others THEN
    PERFORM pg_advisory_unlock(1, {number});
    RAISE;
END
$$;

-- A like and an unlike: whether it changed anything, and the photo's likes after it; NULL when there is no such photo.
-- Functions, because a session keeps their plans: planning takes longer than doing it.
CREATE FUNCTION {shard}.add_like(photo bigint, liker bigint, OUT changed boolean, OUT likes bigint)
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO {shard}.likes (photo_id, user_id) VALUES (photo, liker) ON CONFLICT DO NOTHING;
    changed := FOUND;
    IF changed THEN
        UPDATE {shard}.photos SET like_count = like_count + 1 WHERE photo_id = photo RETURNING like_count INTO likes;
        IF NOT FOUND THEN
            DELETE FROM {shard}.likes WHERE photo_id = photo AND user_id = liker;
        END IF;
    ELSE
        SELECT like_count INTO likes FROM {shard}.photos WHERE photo_id = photo;
    END IF;
END
$$;

CREATE FUNCTION {shard}.remove_like(photo bigint, liker bigint, OUT changed boolean, OUT likes bigint)
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM {shard}.likes WHERE photo_id = photo AND user_id = liker;
    changed := FOUND;
    IF changed THEN
        UPDATE {shard}.photos SET like_count = like_count - 1 WHERE photo_id = photo RETURNING like_count INTO likes;
    ELSE
        SELECT like_count INTO likes FROM {shard}.photos WHERE photo_id = photo;
    END IF;
END
$$;

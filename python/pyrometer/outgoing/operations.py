"""What an operation is called in a label: words from known sets, never statements or keys."""

from __future__ import annotations

from typing import Any

from .recording import OTHER

# What follows the first word is never looked at; a longer comment in front of it is not read.
_LEAD_CHARS_MAX = 4096
# How deep composed statements are opened to find their first word.
_DEPTH_MAX = 8

# First words of statements in the dialects that SQLAlchemy speaks: PostgreSQL, MySQL, MariaDB,
# SQLite, Oracle and SQL Server.
_SQL = frozenset(
    """
    ABORT ALTER ANALYZE ATTACH AUDIT BACKUP BEGIN CALL CHECKPOINT CLOSE CLUSTER COMMENT COMMIT
    COPY CREATE DEALLOCATE DECLARE DELETE DESC DESCRIBE DETACH DISCARD DO DROP END EXEC EXECUTE
    EXPLAIN FETCH FLUSH GRANT IMPORT INSERT KILL LISTEN LOAD LOCK MERGE MOVE NOTIFY OPTIMIZE
    PRAGMA PREPARE REASSIGN REFRESH REINDEX RELEASE RENAME REPLACE RESET RESTORE REVOKE ROLLBACK
    SAVEPOINT SELECT SET SHOW START TABLE TRUNCATE UNLISTEN UNLOCK UPDATE USE VACUUM VALUES WITH
    XA
    """.split()
)

# `COMMAND LIST` of Redis 7.0 without subcommands, and what 7.2 to 8.0 added.
_REDIS = frozenset(
    """
    ACL APPEND ASKING AUTH BGREWRITEAOF BGSAVE BITCOUNT BITFIELD BITFIELD_RO BITOP BITPOS BLMOVE
    BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN CLIENT CLUSTER COMMAND CONFIG COPY
    DBSIZE DEBUG DECR DECRBY DEL DISCARD DUMP ECHO EVAL EVALSHA EVALSHA_RO EVAL_RO EXEC EXISTS
    EXPIRE EXPIREAT EXPIRETIME FAILOVER FCALL FCALL_RO FLUSHALL FLUSHDB FUNCTION GEOADD GEODIST
    GEOHASH GEOPOS GEORADIUS GEORADIUSBYMEMBER GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH
    GEOSEARCHSTORE GET GETBIT GETDEL GETEX GETRANGE GETSET HDEL HELLO HEXISTS HEXPIRE HEXPIREAT
    HEXPIRETIME HGET HGETALL HGETDEL HGETEX HINCRBY HINCRBYFLOAT HKEYS HLEN HMGET HMSET HPERSIST
    HPEXPIRE HPEXPIREAT HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSET HSETEX HSETNX HSTRLEN HTTL HVALS
    INCR INCRBY INCRBYFLOAT INFO KEYS LASTSAVE LATENCY LCS LINDEX LINSERT LLEN LMOVE LMPOP LOLWUT
    LPOP LPOS LPUSH LPUSHX LRANGE LREM LSET LTRIM MEMORY MGET MIGRATE MODULE MONITOR MOVE MSET
    MSETNX MULTI OBJECT PERSIST PEXPIRE PEXPIREAT PEXPIRETIME PFADD PFCOUNT PFDEBUG PFMERGE
    PFSELFTEST PING PSETEX PSUBSCRIBE PSYNC PTTL PUBLISH PUBSUB PUNSUBSCRIBE QUIT RANDOMKEY
    READONLY READWRITE RENAME RENAMENX REPLICAOF RESET RESTORE ROLE RPOP RPOPLPUSH RPUSH RPUSHX
    SADD SAVE SCAN SCARD SCRIPT SDIFF SDIFFSTORE SELECT SET SETBIT SETEX SETNX SETRANGE SHUTDOWN
    SINTER SINTERCARD SINTERSTORE SISMEMBER SLAVEOF SLOWLOG SMEMBERS SMISMEMBER SMOVE SORT SORT_RO
    SPOP SPUBLISH SRANDMEMBER SREM SSCAN SSUBSCRIBE STRLEN SUBSCRIBE SUBSTR SUNION SUNIONSTORE
    SUNSUBSCRIBE SWAPDB SYNC TIME TOUCH TTL TYPE UNLINK UNSUBSCRIBE UNWATCH WAIT WAITAOF WATCH
    XACK XADD XAUTOCLAIM XCLAIM XDEL XGROUP XINFO XLEN XPENDING XRANGE XREAD XREADGROUP XREVRANGE
    XSETID XTRIM ZADD ZCARD ZCOUNT ZDIFF ZDIFFSTORE ZINCRBY ZINTER ZINTERCARD ZINTERSTORE
    ZLEXCOUNT ZMPOP ZMSCORE ZPOPMAX ZPOPMIN ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE
    ZRANGESTORE ZRANK ZREM ZREMRANGEBYLEX ZREMRANGEBYRANK ZREMRANGEBYSCORE ZREVRANGE
    ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION ZUNIONSTORE
    BF.ADD BF.EXISTS BF.INSERT BF.MADD BF.MEXISTS BF.RESERVE CF.ADD CF.DEL CF.EXISTS FT.AGGREGATE
    FT.CREATE FT.DROPINDEX FT.INFO FT.SEARCH JSON.ARRAPPEND JSON.DEL JSON.GET JSON.MGET
    JSON.NUMINCRBY JSON.SET TS.ADD TS.CREATE TS.GET TS.MADD TS.MGET TS.MRANGE TS.RANGE
    """.split()
)


def sql_operation(statement: Any) -> str:
    """The first word of a statement, upper-cased; ``_OTHER`` when it is none that is known.

    A statement is text, bytes, or what psycopg composes from parts.
    """
    if type(statement) is str:
        # Most begin with a word and a space; this is four times as quick as looking closely.
        lead = statement[:24].split(None, 1)
        if len(lead) == 2 and (word := lead[0].upper()) in _SQL:
            return word
    text = _first_text(statement)
    word = _first_word(text)
    return word if word in _SQL else OTHER


def redis_operation(command: Any) -> str:
    """The name of a Redis command without its subcommand; ``_OTHER`` when it is not known.

    The client takes ``execute_command("GET key")`` too: only the first word is a name.
    """
    if command in _REDIS:
        return str(command)
    if isinstance(command, bytes):
        command = command.decode("ascii", "replace")
    words = str(command)[:64].split(None, 1)
    word = words[0].upper() if words else ""
    return word if word in _REDIS else OTHER


def _first_text(statement: Any) -> str:
    for _ in range(_DEPTH_MAX):
        if isinstance(statement, str):
            return statement
        if isinstance(statement, (bytes, bytearray)):
            return bytes(statement[:_LEAD_CHARS_MAX]).decode("latin-1")
        text = getattr(statement, "string", None)  # psycopg2.sql.SQL
        if isinstance(text, str):
            return text
        if hasattr(statement, "__iter__"):  # Composed, and the template strings of Python 3.14
            statement = next(iter(statement), "")
        elif type(statement).__name__ == "SQL":  # psycopg.sql.SQL
            statement = statement.as_string(None)
        else:
            return ""
    return ""


def _first_word(text: str) -> str:
    # By hand: a regular expression with nested repeats takes exponential time on some comments.
    at, end = 0, min(len(text), _LEAD_CHARS_MAX)
    while at < end:
        char = text[at]
        if char.isspace() or char in "(;":
            at += 1
        elif text.startswith("--", at) or char == "#":
            at = _after(text, "\n", at, end)
        elif text.startswith("/*", at):
            at = _after(text, "*/", at + 2, end)
        else:
            break
    start = at
    while at < end and at - start < 32 and (text[at].isalpha() or text[at] == "_"):
        at += 1
    return text[start:at].upper()


def _after(text: str, mark: str, at: int, end: int) -> int:
    found = text.find(mark, at, end)
    return end if found < 0 else found + len(mark)

CREATE TABLE board_case (
    id TEXT PRIMARY KEY,
    pseudonym TEXT NOT NULL,
    state TEXT NOT NULL,
    complexity TEXT NOT NULL,
    blind BIGINT NOT NULL,
    question TEXT NOT NULL,
    version BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    meeting_id TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    opened_ms BIGINT NOT NULL
);

CREATE UNIQUE INDEX board_case_open ON board_case (pseudonym) WHERE state NOT IN ('decided', 'followed_up');

CREATE TABLE board_move (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    version BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (case_id, version)
);

CREATE TABLE board_meeting (
    id TEXT PRIMARY KEY,
    held_on TEXT NOT NULL,
    title TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE TABLE board_agenda (
    meeting_id TEXT NOT NULL REFERENCES board_meeting (id),
    case_id TEXT NOT NULL REFERENCES board_case (id),
    position BIGINT NOT NULL,
    PRIMARY KEY (meeting_id, case_id)
);

CREATE TABLE board_entry (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    seq BIGINT NOT NULL,
    item TEXT NOT NULL,
    seen BIGINT NOT NULL,
    value TEXT NOT NULL,
    not_obtainable BIGINT NOT NULL,
    note TEXT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (case_id, seq)
);

CREATE TABLE board_comment (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    seq BIGINT NOT NULL,
    text TEXT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (case_id, seq)
);

CREATE TABLE board_vote (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    seq BIGINT NOT NULL,
    plan TEXT NOT NULL,
    reason TEXT NOT NULL,
    blind BIGINT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (case_id, seq)
);

CREATE TABLE board_draft (
    case_id TEXT PRIMARY KEY REFERENCES board_case (id),
    version BIGINT NOT NULL,
    body TEXT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL
);

CREATE TABLE board_decision (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    version BIGINT NOT NULL,
    statement TEXT NOT NULL,
    previous_sha256 TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (case_id, version)
);

CREATE TABLE board_outcome (
    case_id TEXT NOT NULL REFERENCES board_case (id),
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    dated_on TEXT NOT NULL,
    note TEXT NOT NULL,
    who_id TEXT NOT NULL,
    who TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (case_id, seq)
);

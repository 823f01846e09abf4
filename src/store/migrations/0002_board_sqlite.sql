CREATE TRIGGER board_move_no_update BEFORE UPDATE ON board_move
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_move_no_delete BEFORE DELETE ON board_move
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_move_no_replace BEFORE INSERT ON board_move
WHEN EXISTS (SELECT 1 FROM board_move WHERE case_id = NEW.case_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_entry_no_update BEFORE UPDATE ON board_entry
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_entry_no_delete BEFORE DELETE ON board_entry
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_entry_no_replace BEFORE INSERT ON board_entry
WHEN EXISTS (SELECT 1 FROM board_entry WHERE case_id = NEW.case_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_comment_no_update BEFORE UPDATE ON board_comment
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_comment_no_delete BEFORE DELETE ON board_comment
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_comment_no_replace BEFORE INSERT ON board_comment
WHEN EXISTS (SELECT 1 FROM board_comment WHERE case_id = NEW.case_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_vote_no_update BEFORE UPDATE ON board_vote
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_vote_no_delete BEFORE DELETE ON board_vote
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_vote_no_replace BEFORE INSERT ON board_vote
WHEN EXISTS (SELECT 1 FROM board_vote WHERE case_id = NEW.case_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_decision_no_update BEFORE UPDATE ON board_decision
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_decision_no_delete BEFORE DELETE ON board_decision
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_decision_no_replace BEFORE INSERT ON board_decision
WHEN EXISTS (SELECT 1 FROM board_decision WHERE case_id = NEW.case_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_outcome_no_update BEFORE UPDATE ON board_outcome
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_outcome_no_delete BEFORE DELETE ON board_outcome
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

CREATE TRIGGER board_outcome_no_replace BEFORE INSERT ON board_outcome
WHEN EXISTS (SELECT 1 FROM board_outcome WHERE case_id = NEW.case_id AND seq = NEW.seq)
BEGIN
    SELECT RAISE(ABORT, 'this table is append-only');
END;

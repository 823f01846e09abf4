CREATE FUNCTION board_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'this table is append-only';
END
$$;

CREATE TRIGGER board_move_no_change BEFORE UPDATE OR DELETE ON board_move
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_move_no_truncate BEFORE TRUNCATE ON board_move
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_entry_no_change BEFORE UPDATE OR DELETE ON board_entry
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_entry_no_truncate BEFORE TRUNCATE ON board_entry
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_comment_no_change BEFORE UPDATE OR DELETE ON board_comment
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_comment_no_truncate BEFORE TRUNCATE ON board_comment
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_vote_no_change BEFORE UPDATE OR DELETE ON board_vote
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_vote_no_truncate BEFORE TRUNCATE ON board_vote
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_decision_no_change BEFORE UPDATE OR DELETE ON board_decision
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_decision_no_truncate BEFORE TRUNCATE ON board_decision
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_outcome_no_change BEFORE UPDATE OR DELETE ON board_outcome
FOR EACH ROW EXECUTE FUNCTION board_append_only();

CREATE TRIGGER board_outcome_no_truncate BEFORE TRUNCATE ON board_outcome
FOR EACH STATEMENT EXECUTE FUNCTION board_append_only();

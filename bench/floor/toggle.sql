\set user random(0, :users - 1)
\set id 1 + :users * random(0, :tasks - 1) + :user
UPDATE task SET updated_at = GREATEST(updated_at + interval '1 microsecond', now()), completed = NOT completed,
    completed_at = CASE WHEN completed THEN NULL ELSE now() END
WHERE user_id = 'reader-' || :user AND id = :id
RETURNING id, title, description, completed, created_at, updated_at, priority, tags, due_date, completed_at;

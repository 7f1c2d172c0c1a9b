\set user random(0, :users - 1)
\set id 1 + :users * random(0, :tasks - 1) + :user
SELECT id, title, description, completed, created_at, updated_at, priority, tags, due_date, completed_at
FROM task WHERE user_id = 'reader-' || :user AND id = :id;

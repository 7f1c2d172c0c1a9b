\set user random(0, :users - 1)
INSERT INTO task (user_id, title, description, completed, created_at, updated_at, completed_at, priority,
                  tags, due_date, due_at, title_folded, description_folded, tags_folded)
VALUES ('writer-' || :user, 'Buy milk', 'Two litres, and bread if there is some left', false, now(), now(), NULL, 0,
        '[]', NULL, NULL, 'buy milk', 'two litres, and bread if there is some left', '')
RETURNING id, title, description, completed, created_at, updated_at, priority, tags, due_date, completed_at;

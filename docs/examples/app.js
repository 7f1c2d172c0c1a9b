import { createAuthClient } from 'better-auth/client';
import { jwtClient } from 'better-auth/client/plugins';

const auth = createAuthClient({ plugins: [jwtClient()] });
const $ = (id) => document.getElementById(id);

// --- The task server: calls it with a token of the signed-in user, and renews the token once if it has expired.

let user, token;

async function tasks(path = '', method = 'GET', body, renewed = false) {
  token ??= (await auth.token()).data?.token;
  const answer = await fetch(`${API}/api/tasks${path}`, {
    method,
    headers: { Authorization: `Bearer ${token}`, ...(body && { 'Content-Type': 'application/json' }) },
    body: body && JSON.stringify(body),
  });
  if (answer.status === 204) return null;
  const json = await answer.json();
  if (json.code === 'token_expired' && !renewed) {
    token = undefined;
    return tasks(path, method, body, true);
  }
  if (!answer.ok) throw new Error(json.detail); // one sentence for the user
  return json;
}

// --- The page

const tz = Intl.DateTimeFormat().resolvedOptions().timeZone; // days begin and end in the user's time zone
const fields = (form) => new FormData($(form));

function row(task) {
  const item = $('task').content.cloneNode(true).firstElementChild;
  const [done, title, remove, more] = item.children;
  item.id = `task-${task.id}`;
  done.checked = task.completed;
  title.value = task.title;
  more.replaceChildren(...details(task));
  done.onchange = run(() => tasks(`/${task.id}/complete`, 'PATCH', { completed: done.checked }));
  title.onchange = run(() => tasks(`/${task.id}`, 'PATCH', { title: title.value }));
  remove.onclick = run(() => tasks(`/${task.id}`, 'DELETE'));
  return item;
}

function details({ priority, due_date, tags, completed }) {
  const mark = (text, className = '') => Object.assign(document.createElement('span'), { textContent: text, className });
  const marks = tags.map((tag) => mark(tag, 'tag'));
  if (due_date) {
    const isDay = due_date.length === 10; // if not, it is a time
    const due = new Date(isDay ? `${due_date}T00:00` : due_date);
    const text = due.toLocaleString([], { dateStyle: 'medium', ...(!isDay && { timeStyle: 'short' }) });
    if (isDay) due.setDate(due.getDate() + 1); // a day ends when the next one begins
    const isLate = !completed && due <= new Date();
    marks.unshift(isLate ? mark(`Overdue: ${text}`, 'late') : mark(`Due ${text}`));
  }
  if (priority !== 'none') marks.unshift(mark(`${priority[0].toUpperCase()}${priority.slice(1)} priority`, priority));
  return marks;
}

let latest = 0;

async function show() {
  const { data: session } = await auth.getSession();
  if (session?.user.id !== user) [user, token] = [session?.user.id]; // another user, perhaps signed in from another tab
  document.body.className = session ? 'in' : 'out';
  if (!session) return;
  $('who').textContent = session.user.email;
  const asked = ++latest;
  const query = new URLSearchParams([...fields('find'), ['tz', tz]]);
  const [list, counts] = await Promise.all([tasks(`?${query}`), tasks(`/summary?${new URLSearchParams({ tz })}`)]);
  if (asked !== latest) return; // a newer request has been sent: the user is still typing
  const focused = document.activeElement, item = focused.closest('li');
  const place = item && [...item.children].indexOf(focused);
  $('list').replaceChildren(...list.map(row));
  if (item) $(item.id)?.children[place].focus(); // keeps the focus for keyboard users
  for (const id of ['all', 'pending', 'completed']) $(id).textContent = counts[id];
  $('left').textContent = `${counts.pending} to do` + (counts.overdue ? `, ${counts.overdue} overdue` : '');
  $('complete-all').disabled = !counts.pending;
  $('clear').disabled = !counts.completed;
}

// Returns an event handler that runs an action, shows its error, and updates the page.
const run = (action) => async (event) => {
  event?.preventDefault();
  $('problem').textContent = '';
  try {
    await action();
    await show();
  } catch (error) {
    $('problem').textContent = error.message;
  }
};

const sign = (how) => run(async () => {
  const [email, password] = [$('email').value, $('password').value];
  const { error } = await auth[how].email({ email, password, name: email.split('@')[0] });
  if (error) throw new Error(error.message);
});

$('sign-in').onsubmit = sign('signIn');
$('sign-up').onclick = sign('signUp');
$('sign-out').onclick = run(() => auth.signOut());
$('add').onsubmit = run(async () => {
  const { tags, ...task } = Object.fromEntries(fields('add')); // an empty due date means no due date
  await tasks('', 'POST', { ...task, tags: tags.split(',').map((tag) => tag.trim()).filter(Boolean) });
  $('add').reset();
  $('new').focus();
});
$('find').oninput = $('find').onsubmit = run(() => {});
$('complete-all').onclick = run(() => tasks('/complete-all', 'POST'));
$('clear').onclick = run(() => tasks('?status=completed', 'DELETE'));
run(() => {})();

import { createAuthClient } from 'better-auth/client';
import { jwtClient } from 'better-auth/client/plugins';

const auth = createAuthClient({ plugins: [jwtClient()] });
const $ = (id) => document.getElementById(id);

// --- The task server: a token of whoever is signed in, renewed once when it has expired.

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
  if (!answer.ok) throw new Error(json.detail); // one sentence, made to be shown
  return json;
}

// --- The page

function row(task) {
  const item = $('task').content.cloneNode(true).firstElementChild;
  const [done, title, remove] = item.children;
  done.checked = task.completed;
  title.value = task.title;
  done.onchange = run(() => tasks(`/${task.id}/complete`, 'PATCH', { completed: done.checked }));
  title.onchange = run(() => tasks(`/${task.id}`, 'PATCH', { title: title.value }));
  remove.onclick = run(() => tasks(`/${task.id}`, 'DELETE'));
  return item;
}

async function show() {
  const { data: session } = await auth.getSession();
  if (session?.user.id !== user) [user, token] = [session?.user.id]; // somebody else, perhaps in another tab
  document.body.className = session ? 'in' : 'out';
  if (!session) return;
  $('who').textContent = session.user.email;
  const list = await tasks();
  $('list').replaceChildren(...list.map(row));
  $('left').textContent = `${list.filter((task) => !task.completed).length} to do`;
}

// Does something, says what went wrong, and shows how things are now.
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
  await tasks('', 'POST', { title: $('new').value });
  $('new').value = '';
});
run(() => {})();

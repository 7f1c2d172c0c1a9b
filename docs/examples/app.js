import { createAuthClient } from 'better-auth/client';
import { jwtClient } from 'better-auth/client/plugins';
import { createTaskClient, ifMatch, unwrap } from 'task-api-client';

const auth = createAuthClient({ plugins: [jwtClient()] });
const $ = (id) => document.getElementById(id);

// --- The task server: each signed-in user has a client, which keeps and renews the user's token.

let user, client;

const newClient = () => createTaskClient({
  baseUrl: API,
  token: async () => (await ask(auth.token())).token,
  fetch: (request) => reach(fetch(request)),
});
const at = (id) => ({ params: { path: { id } } });

// Replaces the browser's words for a request that failed without an answer ("Failed to fetch").
const reach = (request) => request.catch(() => {
  throw new Error('The server cannot be reached. Is it running, and are you online?');
});

// --- Better Auth: returns the data, or throws an error with a sentence for the user.

const SENTENCES = {
  INVALID_EMAIL_OR_PASSWORD: 'The e-mail address or the password is wrong.',
  USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL: 'There is already an account with this e-mail address. Sign in instead.',
  INVALID_EMAIL: 'This is not a complete e-mail address.', // at sign-in
  VALIDATION_ERROR: 'This is not a complete e-mail address.', // at sign-up; the browser has checked the other fields
  PASSWORD_TOO_SHORT: 'The password must have at least 8 characters.',
  PASSWORD_TOO_LONG: 'The password must have at most 128 characters.',
};

async function ask(request) {
  const { data, error } = await reach(request);
  if (error?.status === 429) throw new Error('Too many attempts. Please wait a moment.');
  if (error) throw new Error(SENTENCES[error.code] ?? 'Signing in does not work at the moment. Please try again later.');
  return data;
}

// --- The page

const tz = Intl.DateTimeFormat().resolvedOptions().timeZone; // days begin and end in the user's time zone
const fields = (form) => Object.fromEntries(new FormData(form));
const list = (tags) => tags.split(',').map((tag) => tag.trim()).filter(Boolean);
const isDay = (due) => due.length === 10; // if not, it is a time

function row(task) {
  const item = $('task').content.cloneNode(true).firstElementChild;
  const [done, edit, remove] = item.querySelectorAll('[name]');
  item.id = `task-${task.id}`;
  item.querySelector('span').textContent = task.title;
  item.querySelector('small').replaceChildren(...details(task));
  done.checked = task.completed;
  done.onchange = run(() => unwrap(client.PATCH('/api/tasks/{id}/complete', { ...at(task.id), body: { completed: done.checked } })));
  edit.ariaLabel = `Edit: ${task.title}`;
  edit.onclick = () => openEditor(task);
  remove.ariaLabel = `Delete: ${task.title}`;
  remove.onclick = run(() => unwrap(client.DELETE('/api/tasks/{id}', at(task.id))));
  return item;
}

// The names of rules in the dialog, and their words in the list. The last days of a month have a rule of their own for "monthly".
const RULES = {
  daily: [/^FREQ=DAILY$/, 'every day'],
  weekdays: [/^FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR$/, 'from Monday to Friday'],
  weekly: [/^FREQ=WEEKLY$/, 'every week'],
  monthly: [/^FREQ=MONTHLY(;BYMONTHDAY=28[\d,]*;BYSETPOS=-1)?$/, 'every month'],
  yearly: [/^FREQ=YEARLY(;BYMONTH=2;BYMONTHDAY=28,29;BYSETPOS=-1)?$/, 'every year'],
};
const presetOf = (rule) => Object.keys(RULES).find((name) => RULES[name][0].test(rule));

// The time of a reminder: "before" counts from the due date, and for a day from 9:00 of it.
function remindedAt({ at, before }, due_date) {
  if (at) return new Date(at);
  const [, weeks, days, hours, minutes, seconds] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(before);
  const length = [weeks, days, hours, minutes, seconds].map((part) => Number(part ?? 0));
  const lead = [604_800, 86_400, 3_600, 60, 1].reduce((sum, unit, n) => sum + unit * length[n], 0);
  return new Date(new Date(isDay(due_date) ? `${due_date}T09:00` : due_date) - lead * 1000);
}

function details({ description, priority, due_date, tags, completed, recurrence, reminders = [] }) {
  const mark = (text, className = '') => Object.assign(document.createElement('span'), { textContent: text, className });
  const marks = tags.map((tag) => mark(tag, 'tag'));
  if (due_date) {
    const due = new Date(isDay(due_date) ? `${due_date}T00:00` : due_date);
    const text = due.toLocaleString([], { dateStyle: 'medium', ...(!isDay(due_date) && { timeStyle: 'short' }) });
    if (isDay(due_date)) due.setDate(due.getDate() + 1); // a day ends when the next one begins
    const isLate = !completed && due <= new Date();
    marks.unshift(isLate ? mark(`Overdue: ${text}`, 'late') : mark(`Due ${text}`));
  }
  const preset = presetOf(recurrence);
  if (recurrence) marks.push(mark(`Repeats ${preset ? RULES[preset][1] : `by the rule ${recurrence}`}`));
  const times = reminders.map((reminder) => remindedAt(reminder, due_date)).filter((time) => !completed && time > new Date());
  const next = times.sort((a, b) => a - b)[0];
  if (next) marks.push(mark(`Reminder ${next.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })}`));
  if (priority !== 'none') marks.unshift(mark(`${priority[0].toUpperCase()}${priority.slice(1)} priority`, priority));
  if (description) marks.unshift(mark(description, 'description'));
  return marks;
}

// Opens the dialog with the values of a task. It sends only the fields that the user changes, and only to the version that it shows.
function openEditor({ id, title, description, priority, due_date, tags, version, recurrence, time_zone, reminders = [] }) {
  const form = $('edit').querySelector('form');
  const due = form.elements.due_date;
  due.type = due_date && !isDay(due_date) ? 'datetime-local' : 'date';
  // "sv" writes a time as the field takes it: 2030-01-31 10:00:00, in the user's time zone.
  const day = due.type === 'date' ? due_date : new Date(due_date).toLocaleString('sv').slice(0, 16);
  const repeats = recurrence && (presetOf(recurrence) ?? 'other');
  const values = { title, description, priority, due_date: day, tags: tags.join(', '), recurrence: repeats };
  const leads = [...form.elements.reminders.options].map((option) => option.value);
  const [{ before: lead } = {}] = reminders;
  values.reminders = reminders.length && (reminders.length > 1 || !leads.includes(lead) ? 'other' : lead);
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value || '';
  const before = fields(form);
  form.onsubmit = run(async () => {
    const changed = Object.fromEntries(Object.entries(fields(form)).filter(([name, value]) => value !== before[name]));
    if ('tags' in changed) changed.tags = list(changed.tags);
    if (changed.recurrence && !form.elements.due_date.value) throw new Error('A task that repeats needs a due date.');
    if ('recurrence' in changed) changed.recurrence ||= null;
    if ('reminders' in changed) changed.reminders = changed.reminders ? [{ before: changed.reminders }] : [];
    // A day and a time have no time zone of their own.
    if (!time_zone && ('recurrence' in changed || 'reminders' in changed)) changed.time_zone = tz;
    const params = { path: { id }, header: ifMatch({ version }) };
    await unwrap(client.PATCH('/api/tasks/{id}', { params, body: changed })).catch(offerCurrent);
    $('edit').close();
  });
  report('');
  $('current').hidden = true;
  if (!$('edit').open) $('edit').showModal();
}

// If another window or person has changed the task, offers to open the current one in the dialog.
function offerCurrent(error) {
  if (!error.current) throw error;
  $('current').hidden = false;
  $('current').onclick = () => openEditor(error.current);
  throw new Error('This task was changed in another place. Your changes are not saved.');
}

// Shows the reminders of the signed-in user when they fire, until another user signs in.
async function listen(signal) {
  while (!signal.aborted) {
    try {
      const { data } = await client.GET('/api/tasks/events', { parseAs: 'stream', signal });
      const reader = data.pipeThrough(new TextDecoderStream()).getReader();
      for (let text = '', part; !(part = await reader.read()).done;) {
        const events = (text + part.value).split('\n\n');
        text = events.pop();
        for (const event of events.filter((event) => event.startsWith('event: reminder\n'))) {
          const { task_id } = JSON.parse(/^data: (.*)$/m.exec(event)[1]);
          const { title } = await unwrap(client.GET('/api/tasks/{id}', at(task_id)));
          $('reminder').textContent = `Reminder: ${title}`;
        }
      }
    } catch { /* The stream is opened again. */ }
    await new Promise((resolve) => setTimeout(resolve, 5000));
  }
}

let listening; // stops the stream of events
let shown; // the latest answers; undefined until the first ones have arrived
let latest = 0;

async function show() {
  const session = await ask(auth.getSession());
  // Another user may have signed in from another tab.
  if (session?.user.id !== user) {
    [user, client, shown] = [session?.user.id, newClient()];
    listening?.abort();
    $('reminder').textContent = '';
    listening = new AbortController();
    if (user) listen(listening.signal);
  }
  document.body.className = session ? 'in' : 'out';
  draw();
  if (!session) return;
  $('who').textContent = session.user.email;
  const asked = ++latest;
  const query = { ...fields($('find')), tz };
  const [found, counts] = await Promise.all([
    unwrap(client.GET('/api/tasks', { params: { query } })),
    unwrap(client.GET('/api/tasks/summary', { params: { query: { tz } } })),
  ]);
  if (asked !== latest) return; // a newer request has been sent: the user is still typing
  shown = { found, counts };
  draw();
}

function draw() {
  const { found = [], counts = {} } = shown ?? {};
  const item = document.activeElement.closest('li'), name = document.activeElement.name;
  $('list').replaceChildren(...found.map(row));
  if (item) ($(item.id)?.querySelector(`[name=${name}]`) ?? $('list')).focus(); // keeps the focus for keyboard users
  for (const id of ['all', 'pending', 'completed']) $(id).textContent = counts[id] ?? '';
  $('left').textContent = shown ? `${counts.pending} to do` + (counts.overdue ? `, ${counts.overdue} overdue` : '') : '';
  $('complete-all').disabled = !counts.pending;
  $('clear').disabled = !counts.completed;
  const empty = counts.all ? 'No task matches.' : 'No tasks yet.';
  $('state').textContent = !user || found.length ? '' : shown ? empty : 'Loading…';
}

// Shows a sentence in the dialog if it is open, otherwise on the page.
function report(sentence, canRetry = false) {
  (document.querySelector('dialog[open]') ?? $('problem')).querySelector('[role=alert]').textContent = sentence;
  $('retry').hidden = !canRetry;
}

// Returns an event handler that runs an action, and then updates the page. If the action fails, the page shows the error and the values
// that the server has. If the update fails, the user can try it again.
const run = (action) => async (event) => {
  event?.preventDefault();
  report('');
  try {
    await action(event);
  } catch (error) {
    draw();
    return report(error.message);
  }
  try {
    await show();
  } catch (error) {
    if (!shown) $('state').textContent = '';
    report(error.message, true);
  }
};
const refresh = run(() => {});

$('sign-in').onsubmit = run(async ({ submitter }) => {
  const { email, password } = fields($('sign-in'));
  await ask(auth[submitter.value].email({ email, password, name: email.split('@')[0] }));
  $('sign-in').reset();
});
$('sign-out').onclick = run(() => ask(auth.signOut()));
$('add').onsubmit = run(async () => {
  const { tags, ...task } = fields($('add')); // an empty due date means no due date
  await unwrap(client.POST('/api/tasks', { body: { ...task, tags: list(tags) } }));
  $('add').reset();
  $('new').focus();
});
$('find').oninput = $('find').onsubmit = $('retry').onclick = refresh;
$('cancel').onclick = () => $('edit').close();
$('complete-all').onclick = run(() => unwrap(client.POST('/api/tasks/complete-all')));
$('clear').onclick = run(() => unwrap(client.DELETE('/api/tasks', { params: { query: { status: 'completed' } } })));
refresh();

// Starts Swagger UI. This file and index.html replace those of its distribution.
'use strict';

// The operations in the order of use. Swagger UI sorts those of each group by it.
const ORDER = [
  'list_tasks', 'create_task', 'get_task', 'update_task', 'patch_task', 'complete_task', 'delete_task', 'list_trash',
  'restore_task', 'list_history', 'list_occurrences', 'snooze_reminder', 'list_changes', 'stream_events', 'preview_recurrence',
  'complete_all_tasks', 'delete_completed_tasks',
  'summarize_tasks', 'list_tags',
  'export_me',
  'empty_trash', 'erase_me',
];

// Swagger UI has a dark mode, but only a layout with a bar at the top turns it on.
const dark = window.matchMedia('(prefers-color-scheme: dark)');
const followSystem = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
followSystem();
dark.addEventListener('change', followSystem);

const place = (operation) => ORDER.indexOf(operation.getIn(['operation', 'operationId']));

window.ui = SwaggerUIBundle({
  dom_id: '#swagger-ui',
  // An absolute address, because Swagger UI resolves the links of the document against it.
  url: new URL('../openapi.json', window.location.href).href,
  layout: 'BaseLayout',
  deepLinking: true,
  displayOperationId: true,
  persistAuthorization: true,
  operationsSorter: (a, b) => place(a) - place(b),
  // Turns off the public validator, so that the page sends nothing to other servers.
  validatorUrl: 'none',
});

// Lets Node run the compiled project of the documentation as a Next.js app does: '@/lib/auth' and './tasks' name files of the project, and
// next/headers is replaced, because it only works while Next.js handles a request. The data are `project`, the address of the compiled
// files, and `replace`, the names of files that stand for others.
const HEADERS = 'data:text/javascript,export const headers = async () => globalThis.requestHeaders';
let settings;

export const initialize = (data) => void (settings = data);

export async function resolve(specifier, context, next) {
  const { project, replace } = settings;
  if (specifier === 'next/headers') return next(HEADERS, context);
  const isAlias = specifier.startsWith('@/');
  if (!isAlias && !(specifier.startsWith('.') && context.parentURL?.startsWith(project))) return next(specifier, context);
  const { href } = isAlias ? new URL(specifier.slice(2), project) : new URL(specifier, context.parentURL);
  const name = href.slice(project.length);
  return next(`${project}${replace[name] ?? name}.js`, context);
}

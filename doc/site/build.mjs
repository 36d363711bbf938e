// build.mjs SOURCE VERSION XML OUT: makes the site of the documents in the folder SOURCE and of Doxygen's XML.

import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { sections, start, topics } from './contents.mjs';
import { Documents } from './documents.mjs';
import { layOut } from './layout.mjs';
import { Reference } from './reference.mjs';

const [source, version, xml, out] = process.argv.slice(2);

function write(url, text) {
    const file = join(out, url);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
}

/// The documents of each section of the menu.
function menuPages() {
    const named = new Set(sections.flatMap(({ pages }) => pages));
    const all = readdirSync(join(source, 'doc')).filter((name) => name.endsWith('.md')).map((name) => `doc/${name}`);
    const others = all.filter((path) => !named.has(path)).sort();
    return sections.map(({ title, pages, others: takesOthers }) => ({
        title,
        paths: takesOthers ? [...pages, ...others] : pages,
    }));
}

const reference = new Reference(xml, topics);
const documents = new Documents(source, reference);
const menu = menuPages().map(({ title, paths }) => ({ title, links: paths.map((path) => documents.add(path)) }));
documents.finish();
if (documents.problems.length) {
    console.error(documents.problems.join('\n'));
    process.exit(1);
}
const home = documents.add(start);
home.title = 'Overview';
menu.splice(2, 0, { title: 'Reference', links: reference.links });

const pages = [...documents.pages, ...reference.pages];
const site = {
    name: 'passage',
    description: 'a C++20 client for the Passage API',
    version,
    start: home.url,
    menu,
};
for (const page of pages) {
    write(page.url, layOut(page, site));
}
for (const [url, file] of documents.copies) {
    mkdirSync(dirname(join(out, url)), { recursive: true });
    cpSync(file, join(out, url));
}
for (const name of ['style.css', 'site.js']) {
    cpSync(join(source, 'doc/site', name), join(out, name));
}

const entries = [
    ...reference.entries.map(({ title, url, kind }) => [title, kind, url]),
    ...documents.pages
        .filter(({ path }) => path.endsWith('.md'))
        .flatMap(({ title, url, headings }) =>
            headings.map(({ level, id, text }) => (level === 1 ? [title, 'page', url] : [text, title, `${url}#${id}`]))),
];
write('search-index.js', `searchIndex(${JSON.stringify(entries)});\n`);
console.log(`${pages.length} pages, ${entries.length} entries of the search`);

// Documents in Markdown, and the files that they link to, as pages.

import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, normalize } from 'node:path/posix';
import MarkdownIt from 'markdown-it';
import { Ids, block, code, escape, heading, inlineCode, relative } from './html.mjs';

const headers = 'include/passage/';
const shown = new Set(['.cpp', '.hpp', '.py', '.mjs', '.go', '.txt', '.cmake', '.in', '.json', '.js', '.html', '.css', '']);
const copied = new Set(['.svg', '.png', '.csv']);
const tooLong = 100_000;

function urlOf(path) {
    const page = path.replace(/^doc\//, '').replace(/\.md$/, '');
    return page.replace(/(^|\/)README$/, '$1index') + '.html';
}

/// All pages that documents make, each { url, title, headings, html }, and the files that are copied beside them.
export class Documents {
    pages = [];
    copies = new Map();
    problems = [];
    #root;
    #reference;
    #byPath = new Map();
    #waiting = [];

    constructor(root, reference) {
        this.#root = root;
        this.#reference = reference;
    }

    /// Adds a document, and returns its page. Its links are followed by `finish`.
    add(path) {
        const known = this.#byPath.get(path);
        if (known) {
            return known;
        }
        const file = join(this.#root, path);
        const page = { path, headings: [], ids: new Set(), html: '' };
        this.#byPath.set(path, page);
        this.pages.push(page);
        if (statSync(file).isDirectory()) {
            this.#addFolder(page, file);
        } else if (path.endsWith('.md')) {
            this.#addMarkdown(page, file);
        } else {
            this.#addSource(page, file);
        }
        return page;
    }

    /// Renders all documents, with all that they link to.
    finish() {
        while (this.#waiting.length) {
            this.#waiting.shift()();
        }
    }

    #addMarkdown(page, file) {
        const markdown = new MarkdownIt({
            html: false,
            highlight: (text, language) => code(text, language),
        });
        const tokens = markdown.parse(readFileSync(file, 'utf8'), {});
        const ids = new Ids();
        tokens.forEach((token, i) => {
            if (token.type === 'heading_open') {
                const inline = tokens[i + 1];
                const text = inline.children.map((child) => child.content).join('');
                const id = ids.add(text);
                token.meta = id;
                page.ids.add(id);
                for (const child of inline.children) {
                    child.meta = { inHeading: true };
                }
                page.headings.push({ level: Number(token.tag[1]), id, text });
            }
        });
        page.url = urlOf(page.path);
        page.title = page.headings[0]?.text ?? page.path;
        this.#waiting.push(() => {
            this.#writeRules(markdown, page);
            page.html = markdown.renderer.render(tokens, markdown.options, {});
        });
    }

    #writeRules(markdown, page) {
        const { rules } = markdown.renderer;
        rules.heading_open = (tokens, i) => {
            const { tag, meta: id } = tokens[i];
            return `<${tag} id="${escape(id)}"><a href="#${escape(id)}" tabindex="-1">`;
        };
        rules.heading_close = (tokens, i) => `</a></${tokens[i].tag}>\n`;
        rules.table_open = () => '<div class="table"><table>\n';
        rules.table_close = () => '</table></div>\n';
        rules.th_open = (tokens, i) => tokens[i + 1].content.trim() ? `<th scope="col"${style(tokens[i])}>` : '<td>';
        rules.th_close = (tokens, i) => (tokens[i - 1].content.trim() ? '</th>' : '</td>');
        rules.fence = (tokens, i) => block(tokens[i].content, tokens[i].info.trim());
        rules.image = (tokens, i) => {
            const url = this.#resolve(page, tokens[i].attrGet('src'));
            return `<img src="${escape(url)}" alt="${escape(tokens[i].content)}">`;
        };

        let depth = 0; // code in a link or a heading has no link of its own
        rules.link_open = (tokens, i) => {
            ++depth;
            return `<a href="${escape(this.#resolve(page, tokens[i].attrGet('href')))}">`;
        };
        rules.link_close = () => {
            --depth;
            return '</a>';
        };
        rules.code_inline = (tokens, i) => {
            const text = inlineCode(tokens[i].content);
            const url = depth || tokens[i].meta?.inHeading ? null : this.#reference.find(tokens[i].content);
            return url ? `<a class="name" href="${escape(relative(page.url, url))}">${text}</a>` : text;
        };
    }

    #addSource(page, file) {
        page.url = `source/${page.path}.html`;
        page.title = page.path;
        const name = basename(page.path);
        const language = extname(name) && name !== 'CMakeLists.txt' ? extname(name).slice(1) : name;
        page.html = heading(1, 'file', escape(page.path)) + block(readFileSync(file, 'utf8'), language);
        page.wide = true;
    }

    #addFolder(page, file) {
        page.url = `source/${page.path}/index.html`;
        page.title = `${page.path}/`;
        page.html = heading(1, 'folder', `${escape(page.path)}/`);
        this.#waiting.push(() => {
            const names = readdirSync(file).filter((name) => !name.startsWith('.')).sort();
            const items = names.map((name) => {
                const url = this.#resolve(page, name);
                return `<li><a href="${escape(url)}">${escape(name)}</a></li>`;
            });
            page.html += `<ul>\n${items.join('\n')}\n</ul>\n`;
        });
    }

    /// The URL for a link of a document; what it leads to becomes part of the site.
    #resolve(page, link) {
        if (/^[a-z]+:/i.test(link)) {
            return link;
        }
        const [target, anchor] = link.split('#');
        const folder = statSync(join(this.#root, page.path)).isDirectory() ? page.path : dirname(page.path);
        const path = target ? normalize(join(folder, target)).replace(/\/$/, '') : page.path;
        const url = this.#place(path);
        if (!url) {
            this.problems.push(`${page.path}: ${link} leads to no file`);
            return link;
        }
        if (anchor !== undefined && !this.#byPath.get(path)?.ids.has(anchor)) {
            this.problems.push(`${page.path}: ${link} leads to no heading`);
        }
        return relative(page.url, anchor === undefined ? url : `${url}#${anchor}`);
    }

    /// The URL of a file or folder of the repository.
    #place(path) {
        const file = join(this.#root, path);
        if (path.startsWith('..') || !existsSync(file)) {
            return null;
        }
        if (`${path}/` === headers) {
            return this.#reference.url;
        }
        if (path.startsWith(headers)) {
            return this.#reference.urlOfHeader(path.slice(headers.length));
        }
        const stat = statSync(file);
        if (stat.isDirectory()) {
            const document = join(path, 'README.md');
            return this.add(existsSync(join(this.#root, document)) ? document : path).url;
        }
        if (path.endsWith('.md')) {
            return this.add(path).url;
        }
        const type = extname(path);
        if (copied.has(type) || stat.size > tooLong || !shown.has(type)) {
            const url = path.replace(/^doc\//, '');
            this.copies.set(url, file);
            return url;
        }
        return this.add(path).url;
    }
}

function style(token) {
    const align = token.attrGet('style');
    return align ? ` style="${align}"` : '';
}

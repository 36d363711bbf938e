// The reference of the public headers, by topic, from Doxygen's XML.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { DOMParser } from '@xmldom/xmldom';
import { block as codeBlock, escape, heading, relative } from './html.mjs';

const library = 'passage::';
const widest = 96;

function parse(file) {
    return new DOMParser().parseFromString(readFileSync(file, 'utf8'), 'text/xml').documentElement;
}

function elements(node, name) {
    return Array.from(node.childNodes).filter((child) => child.nodeType === 1 && (!name || child.nodeName === name));
}

function first(node, name) {
    return elements(node, name)[0];
}

function text(node) {
    return node ? node.textContent.trim() : '';
}

function isDocumented(node) {
    return text(first(node, 'briefdescription')) !== '' || text(first(node, 'detaileddescription')) !== '';
}

/// The name without the library's namespace.
function shortName(name) {
    return name.startsWith(library) ? name.slice(library.length) : name;
}

function headerOf(node) {
    const location = first(node, 'location');
    return location ? basename(location.getAttribute('file')) : '';
}

/// An entity that the reference describes: { id, name, kind, node, header, members }; overloads are one.
class Entity {
    constructor(kind, name, node, header) {
        Object.assign(this, { kind, name, nodes: [node], header, members: [] });
        this.anchor = name.replaceAll('::', '-').replace(/[^\w-]/g, (c) => `-${c.codePointAt(0)}`);
    }
}

export class Reference {
    url = 'reference/index.html';
    pages = [];
    #topics;
    #urlsByRef = new Map();
    #urlsByName = new Map();

    constructor(xmlFolder, topics) {
        this.#topics = topics.map((topic) => ({ ...topic, url: `reference/${topic.id}.html`, entities: [] }));
        this.#read(xmlFolder);
        this.pages = [this.#overview(), ...this.#topics.map((topic) => this.#page(topic))];
    }

    get links() {
        return this.pages.map(({ title, url }) => ({ title: url === this.url ? 'All names' : title, url }));
    }

    urlOfHeader(header) {
        const topic = this.#topics.find(({ headers }) => headers.includes(header));
        return topic ? topic.url : this.url;
    }

    /// The URL of a name as documents write it; null if it is none of the library's.
    find(name) {
        const match = /^(?:passage::)?([A-Za-z_]\w*(?:::~?\w+)*)(?:\(.*\))?$/.exec(name);
        return (match && this.#urlsByName.get(match[1])) ?? null;
    }

    /// Everything that can be searched for: { title, url, kind }.
    get entries() {
        return this.#topics.flatMap((topic) =>
            topic.entities.flatMap((entity) =>
                [entity, ...entity.members].map(({ name, anchor, kind }) => ({
                    title: name,
                    url: `${topic.url}#${anchor}`,
                    kind,
                })),
            ),
        );
    }

    #read(folder) {
        for (const compound of elements(parse(join(folder, 'index.xml')), 'compound')) {
            const kind = compound.getAttribute('kind');
            if (!['class', 'struct', 'namespace', 'concept'].includes(kind)) {
                continue;
            }
            const node = first(parse(join(folder, `${compound.getAttribute('refid')}.xml`)), 'compounddef');
            const name = text(first(node, 'compoundname'));
            if (`${name}::`.includes('::detail::') || !`${name}::`.startsWith(library)) {
                continue;
            }
            if (kind === 'namespace') {
                this.#addNames(name, node);
            } else if (isDocumented(node)) {
                this.#addType(kind, shortName(name), node);
            }
        }
        for (const topic of this.#topics) {
            const place = ({ name, header }) => (name === topic.first ? -1 : topic.headers.indexOf(header));
            topic.entities.sort((a, b) => place(a) - place(b) || line(a) - line(b));
        }
    }

    #addType(kind, name, node) {
        const entity = new Entity(kind, name, node, headerOf(node));
        for (const section of elements(node, 'sectiondef')) {
            if (/^(public|friend|related)/.test(section.getAttribute('kind'))) {
                this.#addMembers(entity.members, elements(section, 'memberdef'), `${name}::`);
            }
        }
        entity.members.sort((a, b) => line(a) - line(b));
        this.#publish(entity, node.getAttribute('id'));
    }

    /// What a namespace has besides types.
    #addNames(namespace, node) {
        const prefix = `${namespace}::`.slice(library.length);
        const found = [];
        for (const section of elements(node, 'sectiondef')) {
            this.#addMembers(found, elements(section, 'memberdef'), prefix);
        }
        for (const entity of found) {
            this.#publish(entity);
        }
    }

    #addMembers(list, nodes, prefix) {
        for (const node of nodes.filter(isDocumented)) {
            const name = prefix + text(first(node, 'name'));
            if (name.includes('<') && node.getAttribute('kind') === 'variable') {
                continue; // a specialization, of which its template says enough
            }
            const kind = node.getAttribute('kind');
            const overloaded = list.find((other) => other.name === name && other.kind === kind);
            if (overloaded) {
                overloaded.nodes.push(node);
            } else {
                list.push(new Entity(kind, name, node, headerOf(node)));
            }
        }
    }

    #publish(entity, ref) {
        const topic = this.#topics.find(({ headers }) => headers.includes(entity.header));
        if (!topic) {
            throw new Error(`${entity.name}: ${entity.header} belongs to no topic`);
        }
        topic.entities.push(entity);
        if (ref) {
            this.#urlsByRef.set(ref, `${topic.url}#${entity.anchor}`);
        }
        for (const each of [entity, ...entity.members]) {
            const url = `${topic.url}#${each.anchor}`;
            this.#urlsByName.set(each.name, url);
            // Operations go by their own name.
            if (entity.name === 'Client' && each.kind === 'function' && text(first(each.nodes[0], 'type')).includes('awaitable')) {
                this.#urlsByName.set(each.name.slice('Client::'.length), url);
            }
            for (const node of each.nodes) {
                this.#urlsByRef.set(node.getAttribute('id'), url);
            }
            for (const value of each.nodes.flatMap((node) => elements(node, 'enumvalue'))) {
                this.#urlsByRef.set(value.getAttribute('id'), url);
                this.#urlsByName.set(`${each.name}::${text(first(value, 'name'))}`, url);
            }
        }
    }

    #overview() {
        const page = { url: this.url, title: 'Reference', headings: [] };
        page.html = heading(1, 'reference', 'Reference');
        page.html += `<p>All public names are in the namespace <code>passage</code>. <code>#include
            &lt;passage/passage.hpp&gt;</code> includes everything but the emulator and OpenTelemetry.</p>\n`;
        for (const topic of this.#topics) {
            page.headings.push({ level: 2, id: topic.id, text: topic.title });
            page.html += heading(2, topic.id, escape(topic.title));
            page.html += `<p>${escape(topic.about)} <a href="${relative(page.url, topic.url)}">${escape(topic.title)}:
                the whole topic</a></p>\n`;
            const rows = [...topic.entities, ...this.#described(topic)].map((entity) => {
                const url = this.#urlsByName.get(entity.name);
                const link = `<a class="name" href="${relative(page.url, url)}"><code>${escape(entity.name)}</code></a>`;
                return `<tr><td>${link}</td><td>${this.#brief(page, entity.nodes[0])}</td></tr>`;
            });
            page.html += `<div class="table"><table>\n${rows.join('\n')}\n</table></div>\n`;
        }
        return page;
    }

    /// Entities that belong to another topic.
    #described({ also = [] }) {
        return also.map((name) => {
            const entity = this.#topics.flatMap(({ entities }) => entities).find((each) => each.name === name);
            if (!entity) {
                throw new Error(`there is no ${name}`);
            }
            return entity;
        });
    }

    #page(topic) {
        const page = { url: topic.url, title: topic.title, headings: [] };
        page.html = heading(1, 'topic', escape(topic.title)) + `<p>${escape(topic.about)}</p>\n`;
        for (const entity of topic.entities) {
            this.#describe(page, entity, 2);
            for (const member of entity.members) {
                this.#describe(page, member, 3);
            }
        }
        const others = this.#described(topic);
        if (others.length) {
            page.headings.push({ level: 2, id: 'see-also', text: 'See also' });
            page.html += heading(2, 'see-also', 'See also') + '<ul>\n';
            for (const entity of others) {
                const url = relative(page.url, this.#urlsByName.get(entity.name));
                page.html += `<li><a class="name" href="${url}"><code>${escape(entity.name)}</code></a>: `;
                page.html += `${this.#brief(page, entity.nodes[0])}</li>\n`;
            }
            page.html += '</ul>\n';
        }
        return page;
    }

    #describe(page, entity, level) {
        const name = entity.name.split('::').slice(level === 3 ? -1 : 0).join('::');
        page.headings.push({ level, id: entity.anchor, text: name });
        page.html += heading(level, entity.anchor, `<code>${escape(name)}</code>`);
        const [main, ...overloads] = entity.nodes;
        if (level === 2) {
            page.html += `<p class="include"><code>#include &lt;passage/${escape(entity.header)}&gt;</code></p>\n`;
        }
        page.html += this.#signatures(page, entity);
        page.html += this.#description(page, main);
        for (const node of overloads) {
            page.html += this.#description(page, node);
        }
        if (entity.kind === 'enum') {
            const rows = elements(main, 'enumvalue').map((value) => {
                const label = `<code>${escape(text(first(value, 'name')))}</code>`;
                return `<tr><td>${label}</td><td>${this.#inline(page, value)}</td></tr>`;
            });
            page.html += `<div class="table"><table>\n${rows.join('\n')}\n</table></div>\n`;
        }
    }

    #signatures(page, { kind, name, nodes }) {
        if (kind === 'concept') {
            const tidy = (text) => text.replace(library, '').replace(/ = +/, ' = ');
            const declaration = this.#code(page, first(nodes[0], 'initializer'), tidy).trim();
            return `<pre class="signature"><code>${declaration}</code></pre>\n`;
        }
        if (['class', 'struct', 'enum'].includes(kind)) {
            const word = kind === 'enum' ? 'enum class' : kind;
            const bases = elements(nodes[0], 'basecompoundref').map((base) =>
                this.#link(page, this.#urlsByRef.get(base.getAttribute('refid')), escape(shortName(text(base)))));
            const parents = bases.length ? ` : public ${bases.join(', public ')}` : '';
            return `<pre class="signature"><code>${this.#template(page, nodes[0])}${word} ${escape(name)}${parents}</code></pre>\n`;
        }
        const all = nodes.map((node) => this.#signature(page, node));
        return `<pre class="signature"><code>${all.join('\n\n')}</code></pre>\n`;
    }

    #template(page, node) {
        const list = first(node, 'templateparamlist');
        if (!list) {
            return '';
        }
        const parameters = elements(list, 'param').map((parameter) => {
            const name = text(first(parameter, 'declname'));
            return this.#type(page, first(parameter, 'type')) + (name ? ` ${escape(name)}` : '');
        });
        const clause = first(node, 'requiresclause');
        const requirement = clause ? `requires ${this.#linked(page, clause)}\n` : '';
        return `template &lt;${parameters.join(', ')}&gt;\n${requirement}`;
    }

    #signature(page, node) {
        const kind = node.getAttribute('kind');
        const type = this.#type(page, first(node, 'type'));
        const name = escape(text(first(node, 'name')));
        if (kind === 'typedef') {
            return `${this.#template(page, node)}using ${name} = ${type}`;
        }
        const isStatic = node.getAttribute('static') === 'yes' ? 'static ' : '';
        const start = `${isStatic}${type}${type && ' '}`;
        if (kind === 'variable') {
            const value = this.#linked(page, first(node, 'initializer'));
            return `${start}${name}${value && !value.startsWith('{') ? ' ' : ''}${value}`;
        }
        const parameters = elements(node, 'param').map((parameter) => {
            const declared = text(first(parameter, 'declname'));
            const value = first(parameter, 'defval');
            return this.#type(page, first(parameter, 'type')) +
                (declared ? ` ${escape(declared)}` : '') +
                (value ? ` = ${this.#linked(page, value)}` : '');
        });
        const qualifiers = text(first(node, 'argsstring')).replace(/^\(.*\)/s, '').trim();
        const end = qualifiers ? ` ${escape(qualifiers)}` : '';
        const plain = text(first(node, 'definition')) + text(first(node, 'argsstring'));
        const isLong = parameters.length > 0 && plain.length > widest;
        const list = isLong ? `\n    ${parameters.join(',\n    ')}` : parameters.join(', ');
        return `${this.#template(page, node)}${start}${name}(${list})${end}`;
    }

    #brief(page, node) {
        return first(node, 'briefdescription') ? this.#blocks(page, first(node, 'briefdescription'), true) : '';
    }

    #inline(page, node) {
        return ['briefdescription', 'detaileddescription']
            .map((part) => first(node, part))
            .filter((part) => text(part))
            .map((part) => this.#blocks(page, part, true))
            .join(' ');
    }

    #description(page, node) {
        return ['briefdescription', 'detaileddescription']
            .map((part) => first(node, part))
            .filter((part) => text(part))
            .map((part) => this.#blocks(page, part, false))
            .join('');
    }

    /// A description; `inline` leaves out its paragraphs.
    #blocks(page, node, inline) {
        return elements(node, 'para')
            .map((para) => this.#paragraph(page, para, inline))
            .join(inline ? ' ' : '');
    }

    /// A paragraph of Doxygen may have blocks in it, which one of HTML may not.
    #paragraph(page, para, inline) {
        let html = '';
        let line = '';
        const flush = () => {
            if (line.trim()) {
                html += inline ? line : `<p>${line.trim()}</p>\n`;
            }
            line = '';
        };
        for (const child of Array.from(para.childNodes)) {
            const block = child.nodeType === 1 ? this.#block(page, child) : null;
            if (block === null) {
                line += this.#phrase(page, child);
            } else {
                flush();
                html += block;
            }
        }
        flush();
        return html;
    }

    /// Null if a node is no block.
    #block(page, node) {
        switch (node.nodeName) {
        case 'simplesect': {
            const title = text(first(node, 'title')) || node.getAttribute('kind');
            return `<section class="part"><p class="title">${escape(title)}</p>\n${this.#blocks(page, node, false)}</section>\n`;
        }
        case 'itemizedlist':
        case 'orderedlist': {
            const tag = node.nodeName === 'itemizedlist' ? 'ul' : 'ol';
            const items = elements(node, 'listitem').map((item) => `<li>${this.#blocks(page, item, true)}</li>`);
            return `<${tag}>\n${items.join('\n')}\n</${tag}>\n`;
        }
        case 'programlisting': {
            const lines = elements(node, 'codeline').map((line) => this.#plain(line));
            return codeBlock(`${lines.join('\n')}\n`, 'cpp');
        }
        case 'verbatim':
        case 'preformatted':
            return `<pre><code>${escape(node.textContent)}</code></pre>\n`;
        default:
            return null;
        }
    }

    /// The text of a line of code, in which spaces are elements.
    #plain(node) {
        return Array.from(node.childNodes)
            .map((child) => (child.nodeName === 'sp' ? ' ' : child.nodeType === 1 ? this.#plain(child) : child.nodeValue))
            .join('');
    }

    #phrase(page, node) {
        if (node.nodeType !== 1) {
            return escape(node.nodeValue);
        }
        const inner = () => Array.from(node.childNodes).map((child) => this.#phrase(page, child)).join('');
        switch (node.nodeName) {
        case 'ref':
            return this.#link(page, this.#urlsByRef.get(node.getAttribute('refid')), inner());
        case 'ulink':
            return `<a href="${escape(node.getAttribute('url'))}">${inner()}</a>`;
        case 'computeroutput': {
            const url = first(node, 'ref') ? null : this.find(node.textContent);
            return this.#link(page, url, `<code>${inner()}</code>`);
        }
        case 'emphasis':
            return `<em>${inner()}</em>`;
        case 'bold':
            return `<strong>${inner()}</strong>`;
        case 'ndash':
            return '–';
        case 'mdash':
            return '—';
        case 'nonbreakablespace':
            return '\u00a0';
        case 'linebreak':
            return '<br>';
        case 'sp':
            return ' ';
        default:
            throw new Error(`Doxygen's <${node.nodeName}> is not known here`);
        }
    }

    #link(page, url, html) {
        return url ? `<a class="name" href="${escape(relative(page.url, url))}">${html}</a>` : html;
    }

    /// Code with links to the names in it.
    #linked(page, node) {
        return node ? this.#code(page, node, (text) => text).trim() : '';
    }

    /// The same of a type, with spaces as this project writes them.
    #type(page, node) {
        const tidy = (text) => text.replaceAll('< ', '<').replaceAll(' >', '>').replace(/ ([&*]+)/g, '$1');
        return node ? this.#code(page, node, tidy).trim() : '';
    }

    #code(page, node, tidy) {
        return Array.from(node.childNodes)
            .map((child) => {
                if (child.nodeType !== 1) {
                    return escape(tidy(child.nodeValue));
                }
                return this.#link(page, this.#urlsByRef.get(child.getAttribute('refid')), this.#code(page, child, tidy));
            })
            .join('');
    }
}

function line({ nodes }) {
    return Number(first(nodes[0], 'location').getAttribute('line'));
}

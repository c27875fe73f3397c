// SPDX-License-Identifier: Apache-2.0
// A file of records: JSON Lines, a record a line, or CSV (RFC 4180), a value a row with the rows of
// one identifier together. The columns are those of "helvectl load".
import type { Value } from '../api';
import { t } from '../i18n';

export type Item = {
	line: number;
	handle: string;
	json: string; // the record on one line, as it is sent; empty when it cannot be read
	problem: string;
};

function item(line: number, handle: unknown, values: unknown): Item {
	const named = typeof handle === 'string' && handle !== '';
	return {
		line,
		handle: named ? handle : '',
		json: named ? JSON.stringify({ handle, values }) : '',
		problem: named ? '' : t('noHandle'),
	};
}

export function readJsonLines(text: string): Item[] {
	const items: Item[] = [];
	text.split('\n').forEach((line, i) => {
		if (!line.trim())
			return;
		try {
			const record = JSON.parse(line) as { handle?: unknown; values?: unknown };
			items.push(item(i + 1, record.handle, record.values));
		} catch {
			items.push({ line: i + 1, handle: '', json: '', problem: t('notJson') });
		}
	});
	return items;
}

type Row = { line: number; cells: string[]; open: boolean };

function rowsOf(text: string): Row[] {
	const rows: Row[] = [];
	let row: Row = { line: 1, cells: [], open: false };
	let cell = '', quoted = false, line = 1;
	const endRow = () => {
		row.cells.push(cell);
		if (row.cells.length > 1 || cell)
			rows.push(row);
		cell = '';
	};
	for (let i = 0; i < text.length; i++) {
		const c = text[i]!;
		if (c === '\n')
			line++;
		if (quoted) {
			if (c !== '"')
				cell += c;
			else if (text[i + 1] === '"')
				cell += text[++i];
			else
				quoted = false;
		} else if (c === '"' && cell === '') {
			quoted = true;
		} else if (c === ',') {
			row.cells.push(cell);
			cell = '';
		} else if (c === '\n') {
			endRow();
			row = { line, cells: [], open: false };
		} else if (c !== '\r') {
			cell += c;
		}
	}
	row.open = quoted;
	endRow();
	return rows;
}

function valueOf(cells: Map<string, string>): Value | string {
	const index = Number(cells.get('index'));
	if (!Number.isInteger(index) || index < 1)
		return t('csvIndex');
	const format = cells.get('format') || 'string';
	const text = cells.get('data') ?? '';
	let value: unknown = text;
	if (!['string', 'base64', 'hex'].includes(format))
		try {
			value = JSON.parse(text);
		} catch {
			return t('notJson');
		}
	const ttl = cells.get('ttl');
	const permissions = cells.get('permissions');
	return {
		index, type: cells.get('type') ?? '', data: { format, value },
		...(ttl && { ttl: /^\d+$/.test(ttl) ? Number(ttl) : ttl }),
		...(permissions && { permissions }),
	};
}

export function readCsv(text: string): Item[] {
	const [head, ...rows] = rowsOf(text.replace(/^\ufeff/, ''));
	const names = head?.cells.map((c) => c.trim().toLowerCase()) ?? [];
	if (!['handle', 'index', 'type', 'data'].every((name) => names.includes(name)))
		return [{ line: 1, handle: '', json: '', problem: t('csvHeader') }];
	const items: Item[] = [];
	let group: { line: number; handle: string; values: Value[]; problem: string } | null = null;
	const close = () => {
		if (group)
			items.push({ ...item(group.line, group.handle, group.values), ...(group.problem && { json: '', problem: group.problem }) });
		group = null;
	};
	for (const row of rows) {
		const cells = new Map(names.map((name, i) => [name, row.cells[i] ?? '']));
		const handle = cells.get('handle') ?? '';
		if (!group || group.handle !== handle) {
			close();
			group = { line: row.line, handle, values: [], problem: '' };
		}
		const value = row.open ? t('csvQuote') : row.cells.length !== names.length ? t('csvCells') : valueOf(cells);
		if (typeof value === 'string')
			group.problem ||= value;
		else
			group.values.push(value);
	}
	close();
	return items;
}

// SPDX-License-Identifier: Apache-2.0
// Bulk upload: the file is read here, sent in pieces, and each record's fate shown.
import { useState } from 'preact/hooks';
import { Refusal, send } from '../api';
import { Notice } from '../frame';
import { showNumber, t } from '../i18n';
import { Plain } from '../text';
import { readCsv, readJsonLines, type Item } from './records';
import { saidBy } from './said';

const PIECE_RECORDS = 500;
const PIECE_CHARS = 200_000;
const SHOWN = 100;

type Result = { line?: number; responseCode?: number; message?: string; done?: boolean; loaded?: number; failed?: number };
type Options = { mode: string; all: boolean; dry: boolean };
type Rejected = { item: Item; reason: string };
type Progress = { done: number; total: number; rejected: Rejected[]; stored: number; seconds: number; ended: boolean };

function pieces(items: Item[], whole: boolean): Item[][] {
	if (whole)
		return [items];
	const out: Item[][] = [];
	let piece: Item[] = [], size = 0;
	for (const item of items) {
		if (piece.length === PIECE_RECORDS || size + item.json.length > PIECE_CHARS) {
			out.push(piece);
			piece = [];
			size = 0;
		}
		piece.push(item);
		size += item.json.length;
	}
	return piece.length ? [...out, piece] : out;
}

// The same piece with the same options has the same key: sent twice, it is stored once.
async function keyOf(body: string, query: string): Promise<string> {
	const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(query + '\n' + body));
	return [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, '0')).join('');
}

// The lines of an answer as they arrive.
async function* lines(response: Response): AsyncGenerator<Result> {
	const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
	let rest = '';
	for (;;) {
		const { done, value } = await reader.read();
		const parts = (rest + (value ?? '')).split('\n');
		rest = done ? '' : parts.pop() ?? '';
		for (const part of parts)
			if (part.trim())
				yield JSON.parse(part) as Result;
		if (done)
			return;
	}
}

async function upload(piece: Item[], { mode, all, dry }: Options, onResult: (item: Item, result: Result) => void): Promise<Result> {
	const query = `mode=${mode}${all ? '&allOrNothing=true' : ''}${dry ? '&dryRun=true' : ''}`;
	const body = piece.map((i) => i.json + '\n').join('');
	const headers = { 'Content-Type': 'application/x-ndjson', 'Idempotency-Key': await keyOf(body, query) };
	const response = await send('/api/v1/load?' + query, { method: 'POST', headers, body });
	if (!response.ok) {
		const said = await response.json().catch(() => ({})) as Result;
		throw new Refusal(response.status, said.responseCode ?? 0, said.message ?? 'HTTP ' + response.status);
	}
	let last: Result | null = null;
	for await (const result of lines(response)) {
		if (result.done)
			last = result;
		const item = result.line === undefined ? undefined : piece[result.line - 1];
		if (item)
			onResult(item, result);
	}
	if (!last)
		throw new Refusal(0, 0, '');
	return last;
}

function download(rejected: Rejected[]): void {
	const text = rejected.map(({ item, reason }) => JSON.stringify({
		line: item.line, reason, record: item.json ? JSON.parse(item.json) : item.handle }) + '\n').join('');
	const link = document.createElement('a');
	link.href = URL.createObjectURL(new Blob([text], { type: 'application/x-ndjson' }));
	link.download = 'rejected.jsonl';
	link.click();
	URL.revokeObjectURL(link.href);
}

function Outcome({ progress, dry }: { progress: Progress; dry: boolean }) {
	const { rejected, stored, seconds, ended } = progress;
	return (
		<>
			{ended && (
				<Notice tone={rejected.length ? 'warn' : 'good'}>
					{dry ? t('bulkChecked', showNumber(stored), showNumber(rejected.length))
						: t('bulkDone', showNumber(stored), showNumber(rejected.length), showNumber(seconds, 1))}
				</Notice>
			)}
			{rejected.length > 0 && (
				<section class="card">
					<div class="card-head">
						<h2>{t('bulkRejected')}</h2>
						<button type="button" class="button second small" onClick={() => download(rejected)}>{t('bulkDownload')}</button>
					</div>
					<div class="table" tabIndex={0} role="region" aria-label={t('bulkRejected')}>
						<table>
							<thead><tr><th>{t('line')}</th><th>{t('identifier')}</th><th>{t('reason')}</th></tr></thead>
							<tbody>{rejected.slice(0, SHOWN).map(({ item, reason }, i) => (
								<tr key={i}><td>{item.line}</td><td><Plain text={item.handle} /></td><td><Plain text={reason} /></td></tr>
							))}</tbody>
						</table>
					</div>
					{rejected.length > SHOWN && <p class="quiet">{t('bulkTooMany', showNumber(rejected.length - SHOWN))}</p>}
				</section>
			)}
		</>
	);
}

export function Bulk() {
	const [file, setFile] = useState<File | null>(null);
	const [options, setOptions] = useState<Options>({ mode: 'create', all: false, dry: false });
	const [progress, setProgress] = useState<Progress | null>(null);
	const [error, setError] = useState('');
	const busy = progress !== null && !progress.ended && !error;

	const run = async () => {
		if (!file)
			return;
		setError('');
		const text = await file.text();
		const items = /\.csv$/i.test(file.name) ? readCsv(text) : readJsonLines(text);
		const good = items.filter((i) => i.json);
		const p: Progress = {
			done: items.length - good.length, total: items.length, stored: 0, seconds: 0, ended: false,
			rejected: items.filter((i) => !i.json).map((item) => ({ item, reason: item.problem })),
		};
		const began = performance.now();
		const tell = () => setProgress({ ...p, rejected: [...p.rejected], seconds: (performance.now() - began) / 1000 });
		if (!items.length) {
			setError(t('bulkEmpty'));
			return;
		}
		tell();
		try {
			// A file that cannot be read as a whole cannot be stored as a whole.
			if (!(options.all && p.rejected.length))
				for (const piece of pieces(good, options.all)) {
					if (!piece.length)
						continue;
					const last = await upload(piece, options, (item, result) => {
						p.done++;
						if (result.responseCode !== 1)
							p.rejected.push({ item, reason: result.message ?? String(result.responseCode) });
					});
					p.stored += last.loaded ?? 0;
					tell();
				}
			p.ended = true;
		} catch (e) {
			setError(t('bulkStopped', saidBy(e)));
		}
		p.rejected.sort((a, b) => a.item.line - b.item.line);
		tell();
	};

	return (
		<>
			<h1>{t('bulk')}</h1>
			<p class="lead">{t('bulkLead')}</p>
			<form class="card" onSubmit={(e) => { e.preventDefault(); void run(); }}>
				<div class="fields single">
					<label class="field">{t('bulkFile')}
						<input type="file" required accept=".jsonl,.ndjson,.json,.csv" onChange={(e) => { setFile(e.currentTarget.files?.[0] ?? null); setProgress(null); }} /></label>
					<label class="field">{t('bulkMode')}
						<select value={options.mode} onChange={(e) => setOptions({ ...options, mode: e.currentTarget.value })}>
							<option value="create">{t('bulkCreate')}</option>
							<option value="replace">{t('bulkReplace')}</option>
						</select></label>
					<div class="checks">
						<label class="check"><input type="checkbox" checked={options.all} onChange={(e) => setOptions({ ...options, all: e.currentTarget.checked })} />{t('bulkAll')}</label>
						<label class="check"><input type="checkbox" checked={options.dry} onChange={(e) => setOptions({ ...options, dry: e.currentTarget.checked })} />{t('bulkDry')}</label>
					</div>
					<button type="submit" class="button" disabled={busy}>{t('bulkStart')}</button>
				</div>
				{progress && (
					<p role="status">
						<progress max={progress.total} value={progress.done} aria-label={t('bulk')} />
						{t('bulkRun', showNumber(progress.done), showNumber(progress.total))}
					</p>
				)}
			</form>
			{error && <Notice tone="bad"><Plain text={error} /></Notice>}
			{progress && <Outcome progress={progress} dry={options.dry} />}
		</>
	);
}

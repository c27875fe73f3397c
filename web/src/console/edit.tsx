// SPDX-License-Identifier: Apache-2.0
// One identifier: its values as a form or as JSON; what will change is shown before it is saved.
import { useEffect, useState } from 'preact/hooks';
import { call, callJson, encodeId, resolve, type Value } from '../api';
import { Dialog, Notice } from '../frame';
import { t } from '../i18n';
import { Icon } from '../icons';
import { pageOf } from '../ident';
import { Plain } from '../text';
import type { Word } from '../words';
import { changes, DiffView, same, type Change } from './diff';
import { draftOf, FORMATS, newDraft, valuesOf, valuesOfJson, withAdmin, type Draft } from './draft';
import { go } from './route';
import { saidBy } from './said';

const PERMISSIONS: Word[] = ['permAr', 'permAw', 'permPr', 'permPw'];
const TYPES = ['URL', 'EMAIL', 'DESC', 'HS_ADMIN', 'HS_VLIST', 'HS_ALIAS', 'HS_PUBKEY', 'HS_SECKEY', 'TEMPLATE_ID', 'name', 'brand', 'model', 'maker', 'made_at', 'batch', 'serial'];

type AdminData = { handle: string; index: number; permissions: string };

function AdminFields({ text, onChange }: { text: string; onChange: (text: string) => void }) {
	let admin: AdminData;
	try {
		admin = JSON.parse(text) as AdminData;
	} catch {
		admin = { handle: '', index: 200, permissions: '000000000000' };
	}
	const flags = String(admin.permissions).padStart(12, '0').slice(-12);
	const set = (part: Partial<AdminData>) => onChange(JSON.stringify({ ...admin, ...part }));
	return (
		<div class="full">
			<div class="value-grid">
				<label class="field">{t('index')}
					<input type="number" min="0" value={Number(admin.index) || 0} onInput={(e) => set({ index: Number(e.currentTarget.value) })} /></label>
				<label class="field">{t('identifier')}
					<input type="text" value={admin.handle} onInput={(e) => set({ handle: e.currentTarget.value })} /></label>
			</div>
			<div class="checks">
				{[...flags].map((_, bit) => (
					<label class="check" key={bit}>
						<input type="checkbox" checked={flags[11 - bit] === '1'} onChange={(e) =>
							set({ permissions: [...flags].map((f, i) => (i === 11 - bit ? (e.currentTarget.checked ? '1' : '0') : f)).join('') })} />
						{t(('may' + bit) as Word)}
					</label>
				))}
			</div>
		</div>
	);
}

function ValueFields({ draft, onChange, onRemove }: {
	draft: Draft; onChange: (d: Draft) => void; onRemove: () => void;
}) {
	const set = (part: Partial<Draft>) => onChange({ ...draft, ...part });
	return (
		<fieldset class="value">
			<legend class="hidden-label">{t('value', draft.index, draft.type)}</legend>
			<div class="value-grid">
				<label class="field">{t('index')}
					<input type="text" inputMode="numeric" value={draft.index} onInput={(e) => set({ index: e.currentTarget.value })} /></label>
				<label class="field">{t('type')}
					<input type="text" list="types" value={draft.type} spellcheck={false} onInput={(e) => set({ type: e.currentTarget.value })} /></label>
				{draft.format === 'admin'
					? <AdminFields text={draft.text} onChange={(text) => set({ text })} />
					: <label class="field full">{t('data')}
						<textarea rows={draft.format === 'string' ? 1 : 4} value={draft.text} dir="auto" spellcheck={false}
							onInput={(e) => set({ text: e.currentTarget.value })} /></label>}
			</div>
			<details>
				<summary>{t('moreOf', draft.ttl, draft.permissions)}{draft.format !== 'string' && ' · ' + draft.format}</summary>
				<div class="pair">
					<label class="field">{t('format')}
						<select value={draft.format} onChange={(e) => set({ format: e.currentTarget.value })}>
							{FORMATS.map((f) => <option key={f} value={f}>{f}</option>)}
						</select></label>
					<label class="field">{t('ttl')}
						<input type="text" value={draft.ttl} onInput={(e) => set({ ttl: e.currentTarget.value })} /></label>
				</div>
				<div class="checks" role="group" aria-label={t('permissions')}>
					{PERMISSIONS.map((word, i) => (
						<label class="check" key={word}>
							<input type="checkbox" checked={draft.permissions[i] === '1'} onChange={(e) => {
								const flags = [...draft.permissions];
								flags[i] = e.currentTarget.checked ? '1' : '0';
								set({ permissions: flags.join('') });
							}} />{t(word)}
						</label>
					))}
				</div>
			</details>
			<button type="button" class="plain remove" onClick={onRemove} title={t('remove')} aria-label={t('removeValue', draft.index)}><Icon name="cross" /></button>
		</fieldset>
	);
}

const indexes = (list: Change[]): string => list.map((c) => 'index=' + c.index).join('&');
const path = (id: string): string => '/api/handles/' + encodeId(id);

// Only what differs is sent. A value that may not be read (a secret key) is not in the form, and
// must neither go with the rest nor be overwritten by a new value at its index.
async function store(id: string, isNew: boolean, list: Change[], after: Value[]): Promise<void> {
	if (isNew) {
		await callJson('PUT', path(id) + '?overwrite=false', { values: after });
		return;
	}
	const added = list.filter((c) => !c.before && c.after?.type !== 'HS_SECKEY');
	const changed = list.filter((c) => c.after && !added.includes(c));
	const removed = list.filter((c) => !c.after);
	const bodyOf = (part: Change[]) => ({ values: part.map((c) => c.after) });
	if (added.length)
		await callJson('PUT', `${path(id)}?${indexes(added)}&overwrite=false`, bodyOf(added));
	if (changed.length)
		await callJson('PUT', `${path(id)}?${indexes(changed)}&overwrite=true`, bodyOf(changed));
	if (removed.length)
		await call(`${path(id)}?${indexes(removed)}`, { method: 'DELETE' });
}

type Review = { list: Change[]; after: Value[]; meanwhile: boolean };

export function Editor({ id: given, prefix, who }: { id: string; prefix: string; who: string }) {
	const isNew = given === '';
	const [id, setId] = useState(isNew ? (prefix ? prefix + '/' : '') : given);
	const [loaded, setLoaded] = useState<Value[] | null>(isNew ? [] : null);
	const [drafts, setDrafts] = useState<Draft[]>([]);
	const [json, setJson] = useState<string | null>(null);
	const [admin, setAdmin] = useState(isNew);
	const [error, setError] = useState('');
	const [done, setDone] = useState('');
	const [review, setReview] = useState<Review | null>(null);
	const [removing, setRemoving] = useState(false);
	const [busy, setBusy] = useState(false);

	const read = async (): Promise<Value[]> => {
		const answer = await resolve(id, true);
		if (answer.responseCode === 100)
			throw new Error(t('notFoundWhy', id));
		if (answer.responseCode !== 1 && answer.responseCode !== 200)
			throw new Error(answer.message ?? 'HTTP ' + answer.status);
		return answer.values ?? [];
	};
	const reload = () => read().then((values) => {
		setLoaded(values);
		setDrafts(values.map(draftOf));
		setJson(null);
	}, (e) => setError(saidBy(e)));
	useEffect(() => {
		if (isNew)
			setDrafts([newDraft([], 1), newDraft([], 2000)]);
		else
			void reload();
	}, []);

	const current = (): Value[] | string => (json === null ? valuesOf(drafts) : valuesOfJson(json));
	const switchTo = (toJson: boolean) => {
		const values = current();
		if (typeof values === 'string') {
			setError(values);
			return;
		}
		setError('');
		setDrafts(values.map(draftOf));
		setJson(toJson ? JSON.stringify(values, null, 2) : null);
	};
	const openReview = async () => {
		setError('');
		setDone('');
		const typed = current();
		if (typeof typed === 'string' || !/^[^/]+\/./.test(id)) {
			setError(typeof typed === 'string' ? typed : t('needId'));
			return;
		}
		if (isNew && !typed.length) {
			setError(t('needValue'));
			return;
		}
		const after = admin ? withAdmin(typed, who) : typed;
		try {
			const now = isNew ? [] : await read();
			setReview({ list: changes(now, after), after, meanwhile: !same(now, loaded ?? []) });
		} catch (e) {
			setError(saidBy(e));
		}
	};
	const act = async (what: () => Promise<unknown>, message: string) => {
		setBusy(true);
		try {
			await what();
			setReview(null);
			setRemoving(false);
			setDone(message);
			return true;
		} catch (e) {
			setError(t('saveFailed', saidBy(e)));
			setReview(null);
			setRemoving(false);
			return false;
		} finally {
			setBusy(false);
		}
	};
	const save = async (r: Review) => {
		if (!(await act(() => store(id, isNew, r.list, r.after), t('saved', id))))
			return;
		if (isNew)
			go('id', id);
		else
			await reload();
	};
	const remove = async () => {
		if (await act(() => call(path(id), { method: 'DELETE' }), t('removed', id)))
			setLoaded(null);
	};

	return (
		<>
			<h1>{isNew ? t('create') : <Plain text={id} />}</h1>
			{!isNew && (
				<p class="actions">
					<a class="button second small" href={pageOf(id)}>{t('resolver')}</a>
					<button type="button" class="button second small" onClick={() => go('history', id)}>{t('history')}</button>
					<button type="button" class="button danger small" onClick={() => setRemoving(true)}>{t('removeId')}</button>
				</p>
			)}
			{done && <Notice tone="good"><Plain text={done} /></Notice>}
			{error && <Notice tone="bad"><Plain text={error} /></Notice>}
			{loaded && (
				<form class="card" onSubmit={(e) => { e.preventDefault(); void openReview(); }}>
					<div class="card-head">
						<h2>{t('values')}</h2>
						<button type="button" class="button second small" onClick={() => switchTo(json === null)}>
							{json === null ? t('asJson') : t('asForm')}</button>
					</div>
					{isNew && <label class="field">{t('identifier')}
						<input type="text" value={id} spellcheck={false} onInput={(e) => setId(e.currentTarget.value)} /></label>}
					<datalist id="types">{TYPES.map((type) => <option key={type} value={type} />)}</datalist>
					{json === null ? drafts.map((d) => (
						<ValueFields key={d.id} draft={d}
							onChange={(next) => setDrafts(drafts.map((old) => (old.id === d.id ? next : old)))}
							onRemove={() => setDrafts(drafts.filter((old) => old.id !== d.id))} />
					)) : (
						<label class="field">{t('asJson')}
							<textarea class="mono" rows={18} value={json} spellcheck={false} onInput={(e) => setJson(e.currentTarget.value)} /></label>
					)}
					{isNew && <label class="check"><input type="checkbox" checked={admin} onChange={(e) => setAdmin(e.currentTarget.checked)} />
						<span><Plain text={t('addAdmin', who)} /></span></label>}
					<p class="actions">
						{json === null && <button type="button" class="button second" onClick={() => setDrafts([...drafts, newDraft(drafts, 2000)])}>
							<Icon name="plus" />{t('addValue')}</button>}
						<button type="submit" class="button">{t('review')}</button>
					</p>
				</form>
			)}
			{review && (
				<Dialog title={t('diffTitle')} onClose={() => setReview(null)}>
					{review.meanwhile && <Notice tone="warn">{t('meanwhile')}</Notice>}
					<DiffView list={review.list} />
					<p class="actions">
						<button type="button" class="button" disabled={busy || !review.list.length} onClick={() => save(review)}>{t('save')}</button>
						<button type="button" class="button second" onClick={() => setReview(null)}>{t('cancel')}</button>
					</p>
				</Dialog>
			)}
			{removing && (
				<Dialog title={t('removeId')} onClose={() => setRemoving(false)}>
					<p><Plain text={t('removeAsk', id)} /></p>
					<p class="actions">
						<button type="button" class="button danger" disabled={busy} onClick={remove}>{t('removeId')}</button>
						<button type="button" class="button second" onClick={() => setRemoving(false)}>{t('cancel')}</button>
					</p>
				</Dialog>
			)}
		</>
	);
}

// SPDX-License-Identifier: Apache-2.0
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api';
import { Notice } from '../frame';
import { showNumber, showTime, t } from '../i18n';
import { Plain } from '../text';
import { hashOf } from './route';
import { saidBy } from './said';

const PAGE = 100;
type Entry = { seq: number; time: string; who: string; source?: string; op: string; handle: string; kind?: string; count?: number; last?: string };
type Page = { entries: Entry[]; next: number | null };

// What a change touched: one record, or a range of them.
function Touched({ entry: { kind, handle, count, last } }: { entry: Entry }) {
	const link = (id: string) => <a href={hashOf('history', id)}><Plain text={id} /></a>;
	if (kind === 'range' && last !== undefined)
		return <>{t('rangeCount', showNumber(count ?? 0))} {link(handle)} {t('rangeTo')} {link(last)}</>;
	return handle ? link(handle) : null;
}

export function Audit() {
	const [from, setFrom] = useState('');
	const [upward, setUpward] = useState(false);
	const [page, setPage] = useState<Page | null>(null);
	const [error, setError] = useState('');

	// The newest first, unless a number is given to begin with.
	const ask = async (up: boolean, at: number | null, shown: Entry[]) => {
		setError('');
		setUpward(up);
		const place = up ? `after=${at}` : 'newestFirst' + (at === null ? '' : `&before=${at}`);
		try {
			const got = await call<Page>(`/api/v1/audit?${place}&limit=${PAGE}`);
			setPage({ next: got.next, entries: [...shown, ...got.entries] });
		} catch (e) {
			setError(saidBy(e));
		}
	};
	useEffect(() => void ask(false, null, []), []);

	return (
		<>
			<h1>{t('audit')}</h1>
			<p class="lead">{t('auditLead')}</p>
			<form class="bar" onSubmit={(e) => { e.preventDefault(); void (from ? ask(true, Math.max(0, Number(from) - 1), []) : ask(false, null, [])); }}>
				<label class="field">{t('auditFrom')}
					<input type="number" min="1" value={from} onInput={(e) => setFrom(e.currentTarget.value)} /></label>
				<span />
				<button type="submit" class="button second">{t('show')}</button>
			</form>
			{error && <Notice tone="bad"><Plain text={error} /></Notice>}
			{page && (
				<section class="card">
					{page.entries.length === 0 ? <p>{t('none')}</p> : (
						<div class="table" tabIndex={0} role="region" aria-label={t('audit')}>
							<table>
								<thead><tr><th>{t('number')}</th><th>{t('time')}</th><th>{t('op')}</th><th>{t('identifier')}</th><th>{t('who')}</th><th>{t('source')}</th></tr></thead>
								<tbody>{page.entries.map((e) => (
									<tr key={e.seq}>
										<td>{e.seq}</td><td>{showTime(new Date(e.time))}</td><td><Plain text={e.op} /></td>
										<td><Touched entry={e} /></td>
										<td><Plain text={e.who} /></td><td><Plain text={e.source ?? ''} /></td>
									</tr>
								))}</tbody>
							</table>
						</div>
					)}
					{page.next !== null && page.entries.length > 0 &&
						<p><button type="button" class="button second" onClick={() => ask(upward, page.next, page.entries)}>{t('more')}</button></p>}
				</section>
			)}
		</>
	);
}

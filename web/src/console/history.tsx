// SPDX-License-Identifier: Apache-2.0
// What a record was, newest first, and the way back.
import { useEffect, useState } from 'preact/hooks';
import { call, callJson, encodeId, resolve, type Value } from '../api';
import { Dialog, Notice } from '../frame';
import { showTime, t } from '../i18n';
import { Plain } from '../text';
import { changes, DiffView } from './diff';
import { hashOf } from './route';
import { saidBy } from './said';

type Version = { seq: number; time: string; who: string; op: string; values: Value[] | null };

export function History({ id }: { id: string }) {
	const [versions, setVersions] = useState<Version[] | null>(null);
	const [current, setCurrent] = useState<Value[]>([]);
	const [chosen, setChosen] = useState<Version | null>(null);
	const [done, setDone] = useState('');
	const [error, setError] = useState('');

	const read = async () => {
		try {
			const [past, now] = await Promise.all([call<{ versions: Version[] }>('/api/v1/history/' + encodeId(id)), resolve(id, true)]);
			setVersions(past.versions);
			setCurrent(now.values ?? []);
		} catch (e) {
			setError(saidBy(e));
		}
	};
	useEffect(() => void read(), []);
	const undo = async (version: Version) => {
		setChosen(null);
		try {
			await callJson('POST', '/api/v1/undo/' + encodeId(id), { seq: version.seq });
			setError('');
			setDone(t('undone', id));
			await read();
		} catch (e) {
			setError(saidBy(e));
		}
	};

	return (
		<>
			<h1><Plain text={t('historyOf', id)} /></h1>
			<p class="actions"><a class="button second small" href={hashOf('id', id)}>{t('edit')}</a></p>
			{done && <Notice tone="good"><Plain text={done} /></Notice>}
			{error && <Notice tone="bad"><Plain text={error} /></Notice>}
			{versions && (
				<section class="card">
					{versions.length === 0 && <p>{t('none')}</p>}
					<ol class="list">
						{versions.map((v, i) => (
							<li key={v.seq}>
								<span>
									<strong>{showTime(new Date(v.time))}</strong> <Plain text={v.op} />{' '}
									{i === 0 && <span class="tag good">{t('current')}</span>}{' '}
									{v.values === null && <span class="tag bad">{t('deletedState')}</span>}<br />
									<span class="quiet"><Plain text={t('by', v.who)} /> · {t('number')} {v.seq}</span>
								</span>
								{i > 0 && <button type="button" class="button second small" onClick={() => setChosen(v)}>
									{t('compare')}<span class="hidden-label"> {v.seq}</span></button>}
							</li>
						))}
					</ol>
				</section>
			)}
			{chosen && (
				<Dialog title={t('diffTitle')} onClose={() => setChosen(null)}>
					<DiffView list={changes(current, chosen.values ?? [])} />
					<p class="actions">
						<button type="button" class="button" onClick={() => undo(chosen)}>{t('undoTo')}</button>
						<button type="button" class="button second" onClick={() => setChosen(null)}>{t('cancel')}</button>
					</p>
				</Dialog>
			)}
		</>
	);
}

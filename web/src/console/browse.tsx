// SPDX-License-Identifier: Apache-2.0
// The identifiers below a prefix, a page at a time, or those that a search finds.
import { useEffect, useState } from 'preact/hooks';
import { call, type Node } from '../api';
import { Notice } from '../frame';
import { showNumber, t } from '../i18n';
import { Icon } from '../icons';
import { Plain } from '../text';
import { go, hashOf } from './route';
import { saidBy } from './said';

const PAGE = 50;
type Listing = { identifiers: string[]; next?: string | null; total?: number };

export function Browse({ node, prefix: given }: { node: Node; prefix: string }) {
	const [prefix, setPrefix] = useState(given || (node.prefixes?.find((p) => !p.startsWith('0.')) ?? ''));
	const [type, setType] = useState('');
	const [pattern, setPattern] = useState('');
	const [listing, setListing] = useState<Listing | null>(null);
	const [error, setError] = useState('');

	const ask = async (path: string, before: string[]) => {
		setError('');
		try {
			const got = await call<Listing>(path);
			setListing({ ...got, identifiers: [...before, ...got.identifiers] });
		} catch (e) {
			setError(saidBy(e));
		}
	};
	const list = (after?: string) => ask(
		`/api/v1/identifiers?prefix=${encodeURIComponent(prefix)}&limit=${PAGE}` + (after ? '&after=' + encodeURIComponent(after) : ''),
		after ? listing?.identifiers ?? [] : []);
	const search = () => ask(`/api/v1/search?${encodeURIComponent(type)}=${encodeURIComponent(pattern)}&limit=200`, []);
	useEffect(() => {
		if (prefix)
			void list();
	}, []);

	return (
		<>
			<div class="card-head">
				<h1>{t('browse')}</h1>
				<button type="button" class="button" onClick={() => go('new', prefix)}><Icon name="plus" />{t('create')}</button>
			</div>
			<form class="bar" onSubmit={(e) => { e.preventDefault(); void list(); }}>
				<label class="field">{t('prefix')}
					<input type="text" list="prefixes" required value={prefix} spellcheck={false} onInput={(e) => setPrefix(e.currentTarget.value)} /></label>
				<datalist id="prefixes">{node.prefixes?.map((p) => <option key={p} value={p} />)}</datalist>
				<span />
				<button type="submit" class="button second">{t('show')}</button>
			</form>
			{node.features?.includes('search') && <form class="bar" role="search" onSubmit={(e) => { e.preventDefault(); void search(); }}>
				<label class="field">{t('searchType')}
					<input type="text" required value={type} placeholder="name" spellcheck={false} onInput={(e) => setType(e.currentTarget.value)} /></label>
				<label class="field">{t('searchPattern')}
					<input type="text" required value={pattern} placeholder="*6205*" spellcheck={false} onInput={(e) => setPattern(e.currentTarget.value)} /></label>
				<button type="submit" class="button second"><Icon name="search" />{t('search')}</button>
			</form>}
			{error && <Notice tone="bad"><Plain text={error} /></Notice>}
			{listing && (
				<section class="card" aria-live="polite">
					<h2>{t('total', showNumber(listing.total ?? listing.identifiers.length))}</h2>
					{listing.identifiers.length === 0 && <p>{t('none')}</p>}
					<ul class="list">
						{listing.identifiers.map((id) => (
							<li key={id}>
								<a href={hashOf('id', id)}><Plain text={id} /></a>
								<a class="quiet" href={hashOf('history', id)}>{t('history')}<span class="hidden-label"> {id}</span></a>
							</li>
						))}
					</ul>
					{listing.next && <p><button type="button" class="button second" onClick={() => list(listing.next!)}>{t('more')}</button></p>}
				</section>
			)}
		</>
	);
}

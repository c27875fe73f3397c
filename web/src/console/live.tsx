// SPDX-License-Identifier: Apache-2.0
// Live charts: the server's counters each second, as rates over the last two minutes.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api';
import { Notice } from '../frame';
import { showNumber, showSpan, t } from '../i18n';
import { saidBy } from './said';

const SECONDS = 120;
const W = 600, H = 140;

type Stats = {
	time: number;
	uptime: number;
	requests: Record<string, number>;
	counters: Record<string, number>;
	latency: Record<string, { p50_us?: number; p99_us?: number }>;
	registry?: { commits: number };
};
type Point = { queries: number; commits: number | null; p50: number | null; p99: number | null };

function rate(now: number, before: number, seconds: number): number {
	return Math.max(0, (now - before) / seconds);
}

const all = (requests: Record<string, number>): number => Object.values(requests).reduce((sum, n) => sum + n, 0);

function pointOf(now: Stats, before: Stats): Point {
	const seconds = Math.max(0.1, (now.time - before.time) / 1000);
	const { p50_us, p99_us } = now.latency.resolve ?? {};
	return {
		queries: rate(all(now.requests), all(before.requests), seconds),
		commits: now.registry && before.registry ? rate(now.registry.commits, before.registry.commits, seconds) : null,
		p50: p50_us === undefined ? null : p50_us / 1000,
		p99: p99_us === undefined ? null : p99_us / 1000,
	};
}

// A round number not below `n`, for the top of a chart.
function roof(n: number): number {
	const unit = 10 ** Math.floor(Math.log10(Math.max(n, 1e-3)));
	return unit * ([1, 2, 5].find((f) => f * unit >= n) ?? 10);
}

type Curve = { values: (number | null)[]; name?: string };

function Chart({ title, curves, unit }: { title: string; curves: Curve[]; unit: (n: number) => string }) {
	const known = curves.flatMap((c) => c.values.filter((v): v is number => v !== null));
	const max = roof(Math.max(...known, 1));
	const x = (i: number) => W - (SECONDS - 1 - i) * (W / (SECONDS - 1));
	const y = (v: number) => H - (Math.min(v, max) / max) * H;
	const path = (values: (number | null)[]) => {
		const from = SECONDS - values.length;
		const dots = values.flatMap((v, i) => (v === null ? [] : [`${x(from + i).toFixed(1)} ${y(v).toFixed(1)}`]));
		return dots.length > 1 ? 'M' + dots.join('L') : '';
	};
	const last = curves[0]?.values.at(-1);
	const first = path(curves[0]?.values ?? []);
	return (
		<figure class="chart">
			<figcaption>
				<span>{title}</span>
				<strong>{last === null || last === undefined ? t('noFigures') : unit(last)}</strong>
			</figcaption>
			<svg viewBox={`0 0 ${W} ${H}`} preserveAspectRatio="none" role="img" aria-label={`${title}: ${last == null ? t('noFigures') : unit(last)}`}>
				{[0, 0.5, 1].map((f) => <line key={f} class="grid" x1="0" x2={W} y1={H * f} y2={H * f} />)}
				{curves.length === 1 && first && <path class="area" d={`${first}L${W} ${H}L${first.slice(1).split(' ')[0]} ${H}Z`} />}
				{curves.map((c, i) => <path key={i} class={i ? 'curve second' : 'curve'} d={path(c.values)} />)}
			</svg>
			<figcaption>
				<span>{curves.length > 1 && curves.map((c, i) => <span key={i} class={i ? 'key second' : 'key'}>{c.name}</span>)}</span>
				<span>0 – {unit(max)}</span>
			</figcaption>
		</figure>
	);
}

export function Live() {
	const [points, setPoints] = useState<Point[]>([]);
	const [stats, setStats] = useState<Stats | null>(null);
	const [paused, setPaused] = useState(false);
	const [error, setError] = useState('');
	const before = useRef<Stats | null>(null);

	useEffect(() => {
		if (paused)
			return;
		let timer = 0;
		let gone = false;
		const ask = async () => {
			try {
				const now = await call<Stats>('/api/v1/stats');
				if (gone)
					return;
				const then = before.current;
				before.current = now;
				setStats(now);
				setError('');
				if (then && then.time < now.time)
					setPoints((old) => [...old.slice(1 - SECONDS), pointOf(now, then)]);
			} catch (e) {
				setError(saidBy(e));
			}
			if (!gone)
				timer = window.setTimeout(ask, 1000);
		};
		void ask();
		return () => {
			gone = true;
			clearTimeout(timer);
			before.current = null;
		};
	}, [paused]);

	const rates = (n: number) => showNumber(n, n < 10 ? 1 : 0);
	const ms = (n: number) => showNumber(n, n < 10 ? 2 : 0) + ' ms';
	return (
		<>
			<div class="card-head">
				<h1>{t('live')}</h1>
				<button type="button" class="button second small" onClick={() => setPaused(!paused)}>{paused ? t('resume') : t('pause')}</button>
			</div>
			<p class="lead">{t('liveLead')}{stats && ' ' + t('liveUptime', showSpan(stats.uptime))}</p>
			{error && <Notice tone="bad">{error}</Notice>}
			<div class="charts">
				<Chart title={t('chartQueries')} curves={[{ values: points.map((p) => p.queries) }]} unit={rates} />
				<Chart title={t('chartLatency')} unit={ms} curves={[
					{ values: points.map((p) => p.p50), name: t('median') }, { values: points.map((p) => p.p99), name: t('p99') }]} />
				<Chart title={t('chartCommits')} curves={[{ values: points.map((p) => p.commits) }]} unit={rates} />
			</div>
			{stats && (
				<details class="card">
					<summary>{t('allCounters')}</summary>
					<table><tbody>{Object.entries(stats.counters).map(([name, n]) => (
						<tr key={name}><th scope="row">{name}</th><td class="num">{showNumber(n)}</td></tr>
					))}</tbody></table>
				</details>
			)}
		</>
	);
}

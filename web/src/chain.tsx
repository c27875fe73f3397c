// SPDX-License-Identifier: Apache-2.0
// The chain of delegation and trust as a picture: a node for each step with the state of its
// signature, joined by the delegation to the next; the record is its end.
import type { Chain, Step } from './api';
import { t } from './i18n';
import type { IconName } from './icons';
import { Icon } from './icons';
import type { Tone } from './frame';
import { Plain } from './text';

type State = { tone: Tone; mark: string; text: string };

const TICK = 'M-5 .5l3.4 3.4L5.2-3.6';
const CROSS = 'M-4-4l8 8M4-4l-8 8';
const DASH = 'M-4.5 0h9';
const QUERY = 'M-2.2-2.6a2.4 2.4 0 1 1 3.3 2.3c-.8.4-1.1.8-1.1 1.7M0 4.2v.2';

function stateOf(signature: string): State {
	if (signature === 'verified')
		return { tone: 'good', mark: TICK, text: t('sigVerified') };
	if (signature === 'unsigned')
		return { tone: 'warn', mark: DASH, text: t('sigUnsigned') };
	if (signature.startsWith('failed'))
		return { tone: 'bad', mark: CROSS, text: t('sigFailed', signature.replace(/^failed:?\s*/, '')) };
	return { tone: 'calm', mark: QUERY, text: t('sigUnknown') };
}

// A registry's first step is itself; a resolver's is the root.
const isOwn = (step: Step | undefined): boolean => step?.by === 'this node';

function roleOf(step: Step, first: boolean): string {
	if (first && isOwn(step))
		return t('stepOwn');
	return first && step.prefix.startsWith('0.NA') ? t('stepRoot') : t('stepPrefix');
}

export type Verdict = { tone: Tone; icon: IconName; title: string; why: string };

export function verdictOf(chain: Chain | null): Verdict {
	switch (chain?.verdict) {
	case 'secure':
		return { tone: 'good', icon: 'shield', title: t('secure'), why: t('secureWhy') };
	case 'insecure':
		return { tone: 'warn', icon: 'dash', title: t('insecure'), why: t('insecureWhy') };
	case 'bogus':
		return { tone: 'bad', icon: 'cross', title: t('bogus'), why: t('bogusWhy') };
	default:
		return { tone: 'calm', icon: 'question', title: t('unknown'), why: t(isOwn(chain?.steps[0]) ? 'unknownOwn' : 'unknownWhy') };
	}
}

export function Badge({ verdict }: { verdict: Verdict }) {
	return <span class={'badge ' + verdict.tone}><Icon name={verdict.icon} />{verdict.title}</span>;
}

// One row of the picture. The line to the next node has that node's state: it is the next step's
// signature that this step's delegation vouches for.
function Rail({ state, next }: { state: State; next: State | undefined }) {
	return (
		<svg class="rail" aria-hidden="true" focusable="false">
			{next && <line class={next.tone} x1="20" y1="36" x2="20" y2="100%" />}
			<g class={'node ' + state.tone} transform="translate(20 20)">
				<circle r="13" />
				<path d={state.mark} />
			</g>
		</svg>
	);
}

function signer(by: string): string {
	return by === 'trust anchor' ? t('anchored') : t('signedBy', by);
}

function StepText({ step, role, state }: { step: Step; role: string; state: State }) {
	return (
		<div>
			<p class="step-head">
				<strong><Plain text={step.prefix || step.site || ''} /></strong>
				<span class="quiet">{role}</span>
			</p>
			<p class={'step-state ' + state.tone}><Plain text={state.text} /></p>
			{step.by && /^(verified|failed)/.test(step.signature) &&
				<p class="quiet"><Plain text={signer(step.by) + (step.key ? ' · ' + step.key : '')} /></p>}
			{step.servers && step.servers.length > 0 &&
				<p class="quiet"><Plain text={t('servers', (step.site ? step.site + ' · ' : '') + step.servers.join(', '))} /></p>}
		</div>
	);
}

export function ChainView({ chain }: { chain: Chain | null }) {
	const verdict = verdictOf(chain);
	const steps = chain?.steps ?? [];
	const states = [...steps.map((s) => stateOf(s.signature)), stateOf(chain?.record ?? '')];
	return (
		<section class="card" aria-labelledby="trust">
			<div class="card-head"><h2 id="trust">{t('trust')}</h2><Badge verdict={verdict} /></div>
			<p class="quiet">{verdict.why}</p>
			{chain && (
				<ol class="chain" aria-label={t('trustLead')}>
					{steps.map((step, i) => (
						<li key={i}>
							<Rail state={states[i]!} next={states[i + 1]} />
							<StepText step={step} role={roleOf(step, i === 0)} state={states[i]!} />
						</li>
					))}
					<li>
						<Rail state={states[steps.length]!} next={undefined} />
						<div>
							<p class="step-head"><strong><Plain text={chain.handle} /></strong>
								<span class="quiet">{t('stepRecord')}</span></p>
							<p class={'step-state ' + states[steps.length]!.tone}><Plain text={states[steps.length]!.text} /></p>
						</div>
					</li>
				</ol>
			)}
		</section>
	);
}

// SPDX-License-Identifier: Apache-2.0
import { useState } from 'preact/hooks';
import { setToken } from '../api';
import { Notice } from '../frame';
import { t } from '../i18n';
import { BadKey, loginWithKey, loginWithSecret } from './key';
import { saidBy } from './said';

// What a server says to a login by plain HTTP is 403: nobody need type a secret to learn that.
function NeedsTls({ onAnyway }: { onAnyway: () => void }) {
	const there = 'https:' + location.href.slice(location.protocol.length);
	return (
		<main id="main" class="login">
			<h1>{t('loginTls')}</h1>
			<p class="lead">{t('loginTlsWhy')}</p>
			<p><a class="button" href={there}>{t('loginTlsGo', 'https://' + location.host)}</a></p>
			<p class="quiet"><button type="button" class="link" onClick={onAnyway}>{t('loginTlsAnyway')}</button> ({t('loginTlsLocal')})</p>
		</main>
	);
}

export function Login({ notice, onDone }: { notice: string; onDone: (id: string) => void }) {
	const [id, setId] = useState('');
	const [way, setWay] = useState<'secret' | 'key'>('secret');
	const [secret, setSecret] = useState('');
	const [file, setFile] = useState<File | null>(null);
	const [busy, setBusy] = useState(false);
	const [error, setError] = useState(notice);
	// Whoever was logged in here already knows that it works.
	const [anyway, setAnyway] = useState(notice !== '');

	const login = async () => {
		setBusy(true);
		setError('');
		try {
			const who = id.trim();
			const done = way === 'secret' ? await loginWithSecret(who, secret) : file ? await loginWithKey(who, file) : null;
			if (!done)
				throw new BadKey();
			setToken(done.token);
			onDone(done.id);
		} catch (e) {
			setError(e instanceof BadKey ? t('keyBad') : t('loginWrong', saidBy(e, t('loginMismatch'))));
		}
		setBusy(false);
	};

	if (location.protocol === 'http:' && !anyway)
		return <NeedsTls onAnyway={() => setAnyway(true)} />;
	return (
		<main id="main" class="login">
			<h1>{t('loginTitle')}</h1>
			<p class="lead">{t('loginLead')}</p>
			{!window.isSecureContext && <Notice tone="warn">{t('keyInsecure')}</Notice>}
			<form class="card" onSubmit={(e) => { e.preventDefault(); void login(); }}>
				<div class="fields single">
					<label class="field">{t('loginId')}
						<input type="text" required value={id} autocomplete="username" spellcheck={false} autocapitalize="off"
							aria-describedby="id-hint" onInput={(e) => setId(e.currentTarget.value)} />
					</label>
					<span id="id-hint" class="quiet">{t('loginIdHint')}</span>
					<fieldset>
						<legend>{t('loginWith')}</legend>
						<div class="checks">
							<label class="check"><input type="radio" name="way" checked={way === 'secret'} onChange={() => setWay('secret')} />{t('withSecret')}</label>
							<label class="check"><input type="radio" name="way" checked={way === 'key'} onChange={() => setWay('key')} />{t('withKey')}</label>
						</div>
					</fieldset>
					{way === 'secret' ? (
						<label class="field">{t('secret')}
							<input type="password" required value={secret} autocomplete="current-password"
								onInput={(e) => setSecret(e.currentTarget.value)} />
						</label>
					) : (
						<>
							<label class="field">{t('keyFile')}
								<input type="file" required onChange={(e) => setFile(e.currentTarget.files?.[0] ?? null)} />
							</label>
							<span class="quiet">{t('keyStays')}</span>
						</>
					)}
					<button class="button" type="submit" disabled={busy}>{t('login')}</button>
				</div>
				{error && <Notice tone="bad">{error}</Notice>}
			</form>
		</main>
	);
}

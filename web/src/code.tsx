// SPDX-License-Identifier: Apache-2.0
// The QR code of an identifier, and a sheet of labels to print.
import qrcode from 'qrcode-generator';
import { useState } from 'preact/hooks';
import { Dialog } from './frame';
import { t } from './i18n';
import { Icon } from './icons';
import { pageOf } from './ident';
import { Broken, Plain } from './text';

// One path of unit squares: a vector sharp on any printer.
function squares(text: string): { size: number; path: string } | null {
	const code = qrcode(0, 'M');
	try {
		// The octets of UTF-8, one a character: what readers expect in byte mode.
		code.addData(unescape(encodeURIComponent(text)), 'Byte');
		code.make();
	} catch {
		return null; // more than the largest code holds
	}
	const size = code.getModuleCount();
	let path = '';
	for (let y = 0; y < size; y++)
		for (let x = 0; x < size; x++)
			if (code.isDark(y, x))
				path += `M${x + 4} ${y + 4}h1v1h-1z`;
	return { size: size + 8, path };
}

export function QrCode({ text, name }: { text: string; name: string }) {
	const code = squares(text);
	if (!code)
		return null;
	return (
		<svg class="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={t('labelQr', name)}>
			<rect width={code.size} height={code.size} />
			<path d={code.path} shape-rendering="crispEdges" />
		</svg>
	);
}

export function LabelDialog({ id, title, onClose }: { id: string; title: string; onClose: () => void }) {
	const [count, setCount] = useState(8);
	const [plain, setPlain] = useState(false);
	const text = plain ? id : location.origin + pageOf(id);
	const label = (
		<div class="label">
			<QrCode text={text} name={id} />
			<div><strong><Plain text={title} /></strong><span class="mono"><Broken text={id} /></span></div>
		</div>
	);
	return (
		<Dialog title={t('labelTitle')} onClose={onClose}>
			<div class="fields no-print">
				<label class="field">{t('labelCount')}
					<select value={count} onChange={(e) => setCount(Number(e.currentTarget.value))}>
						{[1, 8, 24].map((n) => <option key={n} value={n}>{n}</option>)}
					</select>
				</label>
				<label class="field">{t('labelContent')}
					<select value={plain ? 'id' : 'url'} onChange={(e) => setPlain(e.currentTarget.value === 'id')}>
						<option value="url">{t('labelUrl')}</option>
						<option value="id">{t('labelId')}</option>
					</select>
				</label>
				<button type="button" class="button" onClick={() => window.print()}><Icon name="print" />{t('print')}</button>
			</div>
			<div class={'sheet of-' + count}>{Array.from({ length: count }, (_, i) => <div key={i}>{label}</div>)}</div>
		</Dialog>
	);
}

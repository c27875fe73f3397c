// SPDX-License-Identifier: Apache-2.0
// Scanning: the camera where there is one, a picture everywhere. Frames never leave the browser.
import { useEffect, useRef, useState } from 'preact/hooks';
import { Dialog, Notice } from './frame';
import { t } from './i18n';
import { Icon } from './icons';

const LONGEST = 1200; // pixels of the longer side that are looked at
const PAUSE = 150; // ms between two looks at the camera

const loadDecoder = () => import('./decode');

function pixels(source: CanvasImageSource, width: number, height: number): ImageData | null {
	const scale = Math.min(1, LONGEST / Math.max(width, height));
	const canvas = document.createElement('canvas');
	canvas.width = Math.max(1, Math.round(width * scale));
	canvas.height = Math.max(1, Math.round(height * scale));
	const context = canvas.getContext('2d', { willReadFrequently: true });
	if (!context)
		return null;
	context.fillStyle = '#fff'; // what is transparent in a picture is paper
	context.fillRect(0, 0, canvas.width, canvas.height);
	context.drawImage(source, 0, 0, canvas.width, canvas.height);
	return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function readPicture(file: File): Promise<string | null> {
	const [{ decode }, bitmap] = await Promise.all([loadDecoder(), createImageBitmap(file)]);
	const image = pixels(bitmap, bitmap.width, bitmap.height);
	bitmap.close();
	return image && decode(image);
}

// Watches the camera until something is read or the dialog is closed.
async function watch(video: HTMLVideoElement, signal: AbortSignal): Promise<string | null> {
	const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
	try {
		const { decode } = await loadDecoder();
		video.srcObject = stream;
		await video.play();
		while (!signal.aborted) {
			const image = video.videoWidth ? pixels(video, video.videoWidth, video.videoHeight) : null;
			const text = image && decode(image);
			if (text)
				return text;
			await new Promise((done) => setTimeout(done, PAUSE));
		}
		return null;
	} finally {
		stream.getTracks().forEach((track) => track.stop());
	}
}

export function ScanDialog({ onRead, onClose }: { onRead: (text: string) => void; onClose: () => void }) {
	const video = useRef<HTMLVideoElement>(null);
	const [camera, setCamera] = useState(!!navigator.mediaDevices);
	const [state, setState] = useState<'' | 'reading' | 'nothing'>('');

	useEffect(() => {
		const stop = new AbortController();
		if (camera && video.current)
			watch(video.current, stop.signal).then(
				(text) => text && !stop.signal.aborted && onRead(text),
				() => stop.signal.aborted || setCamera(false));
		return () => stop.abort();
	}, []);

	const pick = async (input: HTMLInputElement) => {
		const file = input.files?.[0];
		if (!file)
			return;
		setState('reading');
		const text = await readPicture(file).catch(() => null);
		input.value = '';
		if (text)
			onRead(text);
		else
			setState('nothing');
	};

	return (
		<Dialog title={t('scanTitle')} onClose={onClose}>
			{camera ? <><p>{t('scanLead')}</p><video ref={video} class="camera" muted playsInline /></>
				: <Notice tone="calm">{t('scanNoCamera')}</Notice>}
			<p>
				<label class="button second">
					<Icon name="scan" />{t('scanFile')}
					<input class="hidden-input" type="file" accept="image/*" onChange={(e) => pick(e.currentTarget)} />
				</label>
			</p>
			<p role="status">{state === 'reading' ? t('scanReading') : state === 'nothing' ? t('scanNothing') : ''}</p>
		</Dialog>
	);
}

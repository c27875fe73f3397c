// SPDX-License-Identifier: Apache-2.0
// QR codes, and a film of one for the browser's pretended camera, in which it stands still.
import { writeFileSync } from 'node:fs';
import qrcode from 'qrcode-generator';

const W = 640, H = 480, DOT = 12;

// The rows of a QR code: which squares are dark?
export function squares(text) {
	const code = qrcode(0, 'M');
	code.addData(text);
	code.make();
	const n = [...Array(code.getModuleCount()).keys()];
	return n.map((y) => n.map((x) => code.isDark(y, x)));
}

export function film(path, text) {
	const dark = squares(text);
	const luma = Buffer.alloc(W * H, 235);
	const n = dark.length;
	const [left, top] = [(W - n * DOT) >> 1, (H - n * DOT) >> 1];
	for (let y = 0; y < n * DOT; y++)
		for (let x = 0; x < n * DOT; x++)
			if (dark[Math.floor(y / DOT)][Math.floor(x / DOT)])
				luma[(top + y) * W + left + x] = 16;
	const frame = Buffer.concat([Buffer.from('FRAME\n'), luma, Buffer.alloc((W * H) / 2, 128)]);
	writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${W} H${H} F10:1 Ip A1:1 C420\n`), frame, frame]));
}

// SPDX-License-Identifier: Apache-2.0
// Reads a code out of a picture: QR, Data Matrix, and the linear codes of trade. Fetched only when
// somebody scans.
import BinaryBitmap from '@zxing/library/esm/core/BinaryBitmap';
import HybridBinarizer from '@zxing/library/esm/core/common/HybridBinarizer';
import DataMatrixReader from '@zxing/library/esm/core/datamatrix/DataMatrixReader';
import DecodeHintType from '@zxing/library/esm/core/DecodeHintType';
import MultiFormatOneDReader from '@zxing/library/esm/core/oned/MultiFormatOneDReader';
import QRCodeReader from '@zxing/library/esm/core/qrcode/QRCodeReader';
import RGBLuminanceSource from '@zxing/library/esm/core/RGBLuminanceSource';

const hints = new Map<DecodeHintType, unknown>([
	[DecodeHintType.TRY_HARDER, true],
	[DecodeHintType.ASSUME_GS1, true],
]);
const readers = [new QRCodeReader(), new DataMatrixReader(), new MultiFormatOneDReader(hints)];

function grey({ data, width, height }: ImageData): Uint8ClampedArray {
	const out = new Uint8ClampedArray(width * height);
	for (let i = 0; i < out.length; i++)
		out[i] = (306 * data[4 * i]! + 601 * data[4 * i + 1]! + 117 * data[4 * i + 2]!) >> 10;
	return out;
}

function tryAll(luminance: Uint8ClampedArray, width: number, height: number): string | null {
	const source = new RGBLuminanceSource(luminance, width, height);
	for (const light of [source, source.invert()])
		for (const reader of readers) {
			try {
				return reader.decode(new BinaryBitmap(new HybridBinarizer(light)), hints).getText();
			} catch {
				reader.reset(); // nothing that this reader knows
			}
		}
	return null;
}

export function decode(image: ImageData): string | null {
	return tryAll(grey(image), image.width, image.height);
}

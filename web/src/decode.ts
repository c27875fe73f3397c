// SPDX-License-Identifier: Apache-2.0
// Reads a code out of a picture: QR, Data Matrix, and the linear codes of trade. Fetched only when
// somebody scans.
import BinaryBitmap from '@zxing/library/esm/core/BinaryBitmap';
import HybridBinarizer from '@zxing/library/esm/core/common/HybridBinarizer';
import DataMatrixReader from '@zxing/library/esm/core/datamatrix/DataMatrixReader';
import DecodeHintType from '@zxing/library/esm/core/DecodeHintType';
import MultiFormatOneDReader from '@zxing/library/esm/core/oned/MultiFormatOneDReader';
import QRCodeReader from '@zxing/library/esm/core/qrcode/QRCodeReader';
import type Reader from '@zxing/library/esm/core/Reader';
import RGBLuminanceSource from '@zxing/library/esm/core/RGBLuminanceSource';

const hints = new Map<DecodeHintType, unknown>([
	[DecodeHintType.TRY_HARDER, true],
	[DecodeHintType.ASSUME_GS1, true],
]);
const alone = new Map(hints).set(DecodeHintType.PURE_BARCODE, true);
const matrix = [new QRCodeReader(), new DataMatrixReader()];
const linear = [new MultiFormatOneDReader(hints)];

interface Picture { grey: Uint8ClampedArray; width: number; height: number }

function greyOf({ data, width, height }: ImageData): Picture {
	const grey = new Uint8ClampedArray(width * height);
	for (let i = 0; i < grey.length; i++)
		grey[i] = (306 * data[4 * i]! + 601 * data[4 * i + 1]! + 117 * data[4 * i + 2]!) >> 10;
	return { grey, width, height };
}

function half(of: Picture): Picture {
	const [width, height] = [of.width >> 1, of.height >> 1];
	const grey = new Uint8ClampedArray(width * height);
	for (let y = 0; y < height; y++)
		for (let x = 0; x < width; x++) {
			const at = 2 * y * of.width + 2 * x;
			grey[y * width + x] = (of.grey[at]! + of.grey[at + 1]! + of.grey[at + of.width]! + of.grey[at + of.width + 1]!) >> 2;
		}
	return { grey, width, height };
}

function tryAll({ grey, width, height }: Picture, readers: Reader[], how: Map<DecodeHintType, unknown>): string | null {
	const source = new RGBLuminanceSource(grey, width, height);
	for (const light of [source, source.invert()])
		for (const reader of readers) {
			try {
				return reader.decode(new BinaryBitmap(new HybridBinarizer(light)), how).getText();
			} catch {
				reader.reset(); // nothing that this reader knows
			}
		}
	return null;
}

// The library finds one code in thirty not at one size, however clean, and does at another; and what
// fills its picture it finds without looking.
export function decode(image: ImageData): string | null {
	const whole = greyOf(image);
	return tryAll(whole, matrix, hints) ?? tryAll(half(whole), matrix, hints) ?? tryAll(whole, matrix, alone)
		?? tryAll(whole, linear, hints);
}

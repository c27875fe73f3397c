// SPDX-License-Identifier: Apache-2.0
// Where in the console one is: #/place/argument.

export type Place = 'browse' | 'id' | 'new' | 'history' | 'bulk' | 'audit' | 'live';

export const hashOf = (place: Place, argument = ''): string =>
	'#/' + place + (argument ? '/' + encodeURIComponent(argument) : '');

export function go(place: Place, argument = ''): void {
	location.hash = hashOf(place, argument);
}

const places: Place[] = ['browse', 'id', 'new', 'history', 'bulk', 'audit', 'live'];

export function where(): { place: Place; argument: string } {
	const [, name, argument = ''] = /^#\/(\w+)(?:\/(.*))?$/.exec(location.hash) ?? [];
	const place = places.find((p) => p === name) ?? 'browse';
	try {
		return { place, argument: decodeURIComponent(argument) };
	} catch {
		return { place, argument: '' };
	}
}

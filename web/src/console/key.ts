// SPDX-License-Identifier: Apache-2.0
// Logging in. A secret goes as Basic over TLS; a private key stays here: it signs what the server
// made up for this session and what was made up here, and only the signature is sent.
import { call, callJson } from '../api';

type Signer = { alg: string; sign: (octets: Uint8Array<ArrayBuffer>) => Promise<Uint8Array> };
type Session = { sessionId: string; nonce: string };
type Token = { token: string; id: string };
type Kind = { alg: string; params: RsaHashedImportParams | EcKeyImportParams | Algorithm; sign: Algorithm | EcdsaParams };

export class BadKey extends Error {}

const RSA: Kind = { alg: 'SHA256', params: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, sign: { name: 'RSASSA-PKCS1-v1_5' } };
const P256: Kind = { alg: 'SHA256', params: { name: 'ECDSA', namedCurve: 'P-256' }, sign: { name: 'ECDSA', hash: 'SHA-256' } as EcdsaParams };
const ED25519: Kind = { alg: 'Ed25519', params: { name: 'Ed25519' }, sign: { name: 'Ed25519' } };

// The object identifiers that tell a PKCS#8 key's kind, as they stand in its DER.
const oids: [string, Kind][] = [
	['2a864886f70d010101', RSA],
	['2a8648ce3d030107', P256],
	['2b6570', ED25519],
];

const toBase64 = (octets: Uint8Array): string => btoa(String.fromCharCode(...octets));
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const toHex = (octets: Uint8Array): string => [...octets].map((b) => b.toString(16).padStart(2, '0')).join('');

// WebCrypto gives r and s side by side; the protocol wants them as a DER sequence of integers.
function toDer(raw: Uint8Array): Uint8Array {
	const integer = (part: Uint8Array): number[] => {
		let from = 0;
		while (from < part.length - 1 && part[from] === 0)
			from++;
		const octets = [...part.slice(from)];
		if (octets[0]! & 0x80)
			octets.unshift(0);
		return [2, octets.length, ...octets];
	};
	const body = [...integer(raw.slice(0, 32)), ...integer(raw.slice(32))];
	return Uint8Array.from([0x30, body.length, ...body]);
}

async function importKey(text: string): Promise<[CryptoKey, Kind]> {
	if (text.trimStart().startsWith('{')) {
		const jwk = JSON.parse(text) as JsonWebKey;
		const kind = jwk.kty === 'RSA' ? RSA : jwk.crv === 'P-256' ? P256 : jwk.crv === 'Ed25519' ? ED25519 : null;
		if (!kind || !jwk.d)
			throw new BadKey();
		const { key_ops, use, alg, ...bare } = jwk; // what the key may do elsewhere is not asked here
		return [await crypto.subtle.importKey('jwk', bare, kind.params, false, ['sign']), kind];
	}
	const pem = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(text);
	if (!pem)
		throw new BadKey();
	const der = fromBase64(pem[1]!.replace(/\s/g, ''));
	// The kind stands in the first octets: version, then the algorithm.
	const head = toHex(der.slice(0, 40));
	const kind = oids.find(([oid]) => head.includes(oid))?.[1];
	if (!kind)
		throw new BadKey();
	return [await crypto.subtle.importKey('pkcs8', der, kind.params, false, ['sign']), kind];
}

async function signerOf(file: File): Promise<Signer> {
	try {
		const [key, kind] = await importKey(await file.text());
		return {
			alg: kind.alg,
			sign: async (octets) => {
				const raw = new Uint8Array(await crypto.subtle.sign(kind.sign, key, octets));
				return kind === P256 ? toDer(raw) : raw;
			},
		};
	} catch {
		throw new BadKey();
	}
}

export async function loginWithKey(id: string, file: File): Promise<Token> {
	const signer = await signerOf(file);
	const { sessionId, nonce } = await callJson<Session>('POST', '/api/sessions', {});
	const cnonce = crypto.getRandomValues(new Uint8Array(16));
	const signature = await signer.sign(Uint8Array.from([...fromBase64(nonce), ...cnonce]));
	// In the body, as an identity may hold what no header can.
	await callJson('PUT', '/api/sessions/this', {
		version: '0', sessionId, cnonce: toBase64(cnonce), id, type: 'HS_PUBKEY',
		alg: signer.alg, signature: toBase64(signature),
	});
	const Authorization = `Handle sessionId="${sessionId}"`;
	return call<Token>('/api/v1/token', { method: 'POST', headers: { Authorization } });
}

// Basic with the identity percent-encoded, so that its colon is not taken for the one before the
// secret; both as UTF-8.
export function loginWithSecret(id: string, secret: string): Promise<Token> {
	const pair = new TextEncoder().encode(encodeURIComponent(id) + ':' + secret);
	return call<Token>('/api/v1/token', { method: 'POST', headers: { Authorization: 'Basic ' + toBase64(pair) } });
}


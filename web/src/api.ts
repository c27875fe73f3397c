// SPDX-License-Identifier: Apache-2.0
// The server's HTTP interface, as the pages use it. No cookies: who is logged in sends a token with
// each request, so that another site's form or script can change nothing.

export type Data = { format: string; value: unknown };
export type Value = {
	index: number;
	type: string;
	data: Data;
	ttl?: number | string;
	permissions?: string;
	timestamp?: string;
	references?: unknown;
};
export type Answer = {
	responseCode: number;
	handle?: string;
	message?: string;
	values?: Value[];
};
export type Step = {
	prefix: string;
	site?: string;
	servers?: string[];
	signature: string;
	by?: string;
	key?: string;
};
export type Chain = { handle: string; verdict: string; record: string; steps: Step[] };
export type Node = { daemon: string; version: string; prefixes?: string[]; features?: string[] };

// What went wrong, for people: the server's line, or its status when it said nothing.
export class Refusal extends Error {
	constructor(readonly status: number, readonly code: number, message: string) {
		super(message);
	}
}

export const NO_ANSWER = 0;

let token = sessionStorage.getItem('token') ?? '';
let onExpired = () => {};

export const hasToken = (): boolean => token !== '';

export function setToken(next: string): void {
	token = next;
	if (next)
		sessionStorage.setItem('token', next);
	else
		sessionStorage.removeItem('token');
}

export function whenExpired(call: () => void): void {
	onExpired = call;
}

// The server reads what follows /api/handles/ as the identifier after one percent-decoding.
export const encodeId = (id: string): string => encodeURIComponent(id);

export async function send(path: string, init: RequestInit = {}): Promise<Response> {
	const headers = new Headers(init.headers);
	if (token && !headers.has('Authorization'))
		headers.set('Authorization', 'Bearer ' + token);
	// Without this a 401 makes the browser ask for a password of its own.
	headers.set('X-Requested-With', 'XMLHttpRequest');
	try {
		return await fetch(path, { ...init, headers, credentials: 'omit', redirect: 'error' });
	} catch {
		throw new Refusal(NO_ANSWER, 0, '');
	}
}

async function bodyOf(response: Response): Promise<unknown> {
	const text = await response.text();
	try {
		return JSON.parse(text);
	} catch {
		return {};
	}
}

// A call whose failure is an exception.
export async function call<T>(path: string, init: RequestInit = {}): Promise<T> {
	const response = await send(path, init);
	const body = await bodyOf(response);
	if (!response.ok) {
		if (response.status === 401 && token && !new Headers(init.headers).has('Authorization'))
			onExpired();
		const said = body as Answer;
		throw new Refusal(response.status, said.responseCode ?? 0,
			said.message ?? 'HTTP ' + response.status);
	}
	return body as T;
}

export function callJson<T>(method: string, path: string, body: unknown): Promise<T> {
	return call<T>(path, {
		method,
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify(body),
	});
}

// An identifier's record; "not found" and its like are answers here, not exceptions.
export async function resolve(id: string, fresh: boolean): Promise<Answer & { status: number }> {
	const response = await send('/api/handles/' + encodeId(id) + (fresh ? '?auth=true' : ''),
		{ headers: { Accept: 'application/json' } });
	const body = (await bodyOf(response)) as Answer;
	return { ...body, responseCode: body.responseCode ?? 0, status: response.status };
}

export async function chain(id: string): Promise<Chain | null> {
	try {
		return await call<Chain>('/api/v1/chain/' + encodeId(id));
	} catch {
		return null;
	}
}

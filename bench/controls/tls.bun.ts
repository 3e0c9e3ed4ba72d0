/** TLS on bare `node:tls`: the same as on Node. */

import "./tls.node.ts";

/** The page. `npm run page` makes this file. */

/** The page, one file. */
export const PAGE: string = "<!doctype html><title>mobcast</title>";

/** What the page may load. */
export const PAGE_POLICY: string = "default-src 'none'";

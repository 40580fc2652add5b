<?php

declare(strict_types=1);

namespace Leaks;

/** Something served at `/<name>` that does not leak: a decoy or a plain page. One instance per worker. */
interface Page
{
    public function about(): About;

    public function serve(Request $request): Response;
}

<?php

declare(strict_types=1);

namespace Leaks\Decoy;

use Leaks\About;
use Leaks\Page;
use Leaks\Payload;
use Leaks\Request;
use Leaks\Response;

/**
 * Appends to a log file: the page cache grows, and the container's memory with it; the process does not.
 */
final class LogFile implements Page
{
    private const BYTES = 4096;

    public function about(): About
    {
        return new About(
            'log',
            About::DECOY,
            'clean',
            'appends bytes= to a log file (page cache)',
            self::BYTES,
        );
    }

    public function serve(Request $request): Response
    {
        $line = Payload::of($request->bytes(self::BYTES)) . "\n";
        file_put_contents(sys_get_temp_dir() . '/hyperleak.log', $line, FILE_APPEND);

        return Response::ok();
    }
}

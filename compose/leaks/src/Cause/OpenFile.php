<?php

declare(strict_types=1);

namespace Leaks\Cause;

use Leaks\About;
use Leaks\LeakCase;
use Leaks\Refused;
use Leaks\Request;
use Leaks\Response;

/**
 * A file opened per request and never closed, because something keeps the handle.
 *
 * One descriptor and a little heap a request. The clean twin closes its file.
 */
final class OpenFile implements LeakCase
{
    /** @var list<resource> */
    private array $uploads = [];

    public function about(): About
    {
        return new About(
            'resource',
            About::LEAK,
            'resource',
            'opens a file and keeps the handle',
        );
    }

    public function leaky(Request $request): Response
    {
        $this->uploads[] = $this->open();

        return Response::ok();
    }

    public function clean(Request $request): Response
    {
        fclose($this->open());

        return Response::ok();
    }

    /** @return resource */
    private function open()
    {
        $file = @fopen(sys_get_temp_dir() . '/hyperleak-upload.txt', 'c');

        return $file !== false ? $file : throw new Refused(503, 'no file could be opened: too many are open');
    }
}

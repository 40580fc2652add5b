<?php

declare(strict_types=1);

namespace Leaks\Plain;

use Leaks\About;
use Leaks\Page;
use Leaks\Request;
use Leaks\Response;

/**
 * What an ordinary page does: a little work on a few values, and nothing is kept.
 */
final class SmallWork implements Page
{
    private const ITEMS = 32;

    public function about(): About
    {
        return new About(
            'clean',
            About::PAGE,
            'clean',
            'small work, keeps nothing',
        );
    }

    public function serve(Request $request): Response
    {
        $items = [];
        for ($i = 0; $i < self::ITEMS; $i++) {
            $items[] = ['id' => $i, 'name' => "item {$i}"];
        }

        return Response::json(['items' => $items]);
    }
}

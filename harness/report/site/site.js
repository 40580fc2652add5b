// Draws the charts of a page from the blocks of data in it.
for (const block of document.querySelectorAll('script[type="application/json"][data-chart]')) {
  Bokeh.embed.embed_item(JSON.parse(block.textContent), block.dataset.chart);
}

// The page's behaviour: the viewer, the heat map over it, its controls, and the strip of tiles. Text is set as text
// nodes. `kilnPage` is for scripts and tests.
'use strict';
const kilnPage = (() => {
  const get = id => document.getElementById(id);
  const data = JSON.parse(get('data').textContent);
  const pixels = JSON.parse(get('pixels').textContent);
  const { image, cells, top } = data;
  const jpeg = base64 => 'data:image/jpeg;base64,' + base64;
  const make = (name, text, className) => {
    const element = document.createElement(name);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };

  // Numbers.
  const short = value => Number(value.toPrecision(4)).toString();
  // Scores have as many digits everywhere: 0.970, or 12.35 on scales wider than 1.
  const told = score => data.high - data.low <= 1 ? score.toFixed(3) : short(score);
  const grouped = value => Math.round(value).toLocaleString('en');
  const area = mm2 => (mm2 >= 100 ? mm2.toFixed(0) : mm2 >= 1 ? mm2.toFixed(2) : mm2.toPrecision(2)) + '\u00a0mm²';

  // Scores, cell by cell: undefined without a tile, NaN for a failed one.
  const bytes = base64 => Uint8Array.from(atob(base64), letter => letter.charCodeAt(0)).buffer;
  const runs = new DataView(bytes(cells.runs)), packed = new DataView(bytes(cells.scores));
  const scores = new Float32Array(cells.columns * cells.rows), inside = new Uint8Array(scores.length);
  let at = 0, read = 0;
  for (let run = 0; run < runs.byteLength / 4; run++) {
    const length = runs.getUint32(run * 4, true);
    if (run % 2) for (let i = 0; i < length; i++, read++) {
      scores[at + i] = packed.getFloat32(read * 4, true);
      inside[at + i] = 1;
    }
    at += length;
  }
  const cellAt = (x, y) => {
    const column = Math.floor(x / cells.side), row = Math.floor(y / cells.side);
    if (x < 0 || y < 0 || column >= cells.columns || row >= cells.rows) return undefined;
    const index = row * cells.columns + column;
    return inside[index] ? scores[index] : undefined;
  };

  // Colours: those of the PNG, around the threshold that is set.
  const state = { threshold: data.threshold, opacity: .5, below: true, shown: true, current: -1 };
  const mix = (stops, share) => {
    const at = Math.min(Math.max(share, 0), 1) * 2, first = at < 1 ? 0 : 1;
    return [0, 1, 2].map(c => Math.round(stops[first][c] + (stops[first + 1][c] - stops[first][c]) * (at - first)));
  };
  const colour = score => score < state.threshold
    ? mix(data.below, state.threshold > data.low ? (score - data.low) / (state.threshold - data.low) : 0)
    : mix(data.above, data.high > state.threshold ? (score - state.threshold) / (data.high - state.threshold) : 1);
  const css = rgb => `rgb(${rgb.join(' ')})`;
  const FADED = .3;

  // One pixel for each cell.
  const map = make('canvas');
  [map.width, map.height] = [cells.columns, cells.rows];
  const mapContext = map.getContext('2d'), mapPixels = mapContext.createImageData(cells.columns, cells.rows);
  const recolour = () => {
    for (let i = 0; i < scores.length; i++) {
      if (!inside[i]) continue;
      const failed = Number.isNaN(scores[i]), above = scores[i] >= state.threshold;
      mapPixels.data.set(failed ? data.failed[0] : colour(scores[i]), i * 4);
      mapPixels.data[i * 4 + 3] = failed || above ? 255 : state.below ? 255 * FADED : 0;
    }
    mapContext.putImageData(mapPixels, 0, 0);
  };

  // Texts, before the viewer, which takes the room that they leave.
  document.title = `${data.name} · heat map`;
  get('name').textContent = data.name;
  if (data.score !== null) {
    get('verdict').append('Slide score ', make('strong', told(data.score)));
    if (data.label) get('verdict').append(` ${data.label}`);
    if (data.rule) get('verdict').append(' ', make('span', `(${data.rule})`, 'quiet'));
  }
  for (const [name, value] of data.facts) get('facts').append(make('dt', name), make('dd', value));
  get('strip-title').textContent = top.length ? `Highest scores for ${data.positive}` : 'No tile has a score';
  top.forEach((tile, index) => {
    const button = make('button'), crop = make('span', undefined, 'crop'), picture = make('img');
    button.type = 'button';
    button.setAttribute('aria-label', `Tile ${index + 1} of ${top.length}, score ${told(tile.score)}${tile.label ? `, ${tile.label}` : ''}. Show on the slide.`);
    [picture.src, picture.alt] = [jpeg(pixels.crops[index]), ''];
    crop.append(picture);
    const caption = make('span', undefined, 'caption'), value = make('span');
    value.append(make('span', undefined, 'dot'), told(tile.score));
    caption.append(value, make('span', tile.label || ''));
    button.append(crop, caption);
    button.addEventListener('click', () => jump(index));
    const item = make('li');
    item.append(button);
    get('strip').append(item);
  });

  // The viewer. Its unit is the width of the padded image; a pixel of level 0 is the same everywhere.
  const unit = image.width * image.downsample, maxLevel = image.levels - 1;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  const viewer = OpenSeadragon({
    element: get('viewer'),
    drawer: 'canvas',
    tileSources: {
      width: image.width, height: image.height, tileWidth: image.tile, tileHeight: image.tile,
      tileOverlap: image.overlap, minLevel: 0, maxLevel,
      getTileUrl: (level, x, y) => {
        const across = Math.ceil((image.width >> (maxLevel - level)) / image.tile);
        return jpeg(pixels.levels[level][y * across + x]);
      },
    },
    showNavigationControl: false, showNavigator: true, navigatorPosition: 'TOP_RIGHT', navigatorSizeRatio: .18, navigatorAutoFade: false,
    navigatorBackground: '#fff', navigatorOpacity: 1, navigatorBorderColor: '#7a828a', navigatorDisplayRegionColor: '#0b5fc4',
    maxZoomPixelRatio: image.downsample * 4, minZoomImageRatio: .7, visibilityRatio: .4,
    animationTime: still ? 0 : .5, springStiffness: 8, immediateRender: still, blendTime: 0,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
  });
  const viewport = () => viewer.viewport;
  const point = (x, y) => new OpenSeadragon.Point(x / unit, y / unit);
  // Level-0 pixels to pixels of the viewer, at the moment.
  const toScreen = (x, y) => viewport().pixelFromPoint(point(x, y), true);
  const toSlide = position => {
    const found = viewport().pointFromPixel(position, true);
    return [found.x * unit, found.y * unit];
  };
  const zoomLevel = () => viewport().getZoom(true) * viewport().getContainerSize().x / unit;

  // The heat map, over the slide.
  const overlay = make('canvas');
  overlay.id = 'overlay';
  overlay.setAttribute('aria-hidden', 'true');
  const context = overlay.getContext('2d');
  const hatching = (() => {
    const tile = make('canvas');
    tile.width = tile.height = 8;
    const ink = tile.getContext('2d');
    ink.strokeStyle = css(data.failed[1]);
    ink.lineWidth = 1.5;
    for (const shift of [-8, 0, 8]) {
      ink.moveTo(shift - 1, 9);
      ink.lineTo(shift + 9, -1);
    }
    ink.stroke();
    return context.createPattern(tile, 'repeat');
  })();
  const draw = () => {
    const size = viewport().getContainerSize(), dense = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.x * dense), Math.round(size.y * dense)];
    if (overlay.width !== width || overlay.height !== height) [overlay.width, overlay.height] = [width, height];
    context.setTransform(dense, 0, 0, dense, 0, 0);
    context.clearRect(0, 0, size.x, size.y);
    drawScaleBar();
    const zoom = zoomLevel(), origin = toScreen(0, 0), side = cells.side * zoom;
    if (state.shown) {
      context.save();
      context.globalAlpha = state.opacity;
      context.beginPath();
      context.rect(origin.x, origin.y, data.width * zoom, data.height * zoom);
      context.clip();
      // Only the cells in view: browsers fail to scale canvases to millions of pixels.
      const clamp = (value, most) => Math.min(Math.max(value, 0), most);
      const left = clamp(Math.floor(-origin.x / side), cells.columns), right = clamp(Math.ceil((size.x - origin.x) / side), cells.columns);
      const above = clamp(Math.floor(-origin.y / side), cells.rows), under = clamp(Math.ceil((size.y - origin.y) / side), cells.rows);
      if (right > left && under > above) {
        context.imageSmoothingEnabled = side < 1;
        context.drawImage(map, left, above, right - left, under - above,
          origin.x + left * side, origin.y + above * side, (right - left) * side, (under - above) * side);
        if (side >= 8) {
          context.fillStyle = hatching;
          for (let row = above; row < under; row++)
            for (let column = left; column < right; column++) {
              const index = row * cells.columns + column;
              if (inside[index] && Number.isNaN(scores[index]))
                context.fillRect(origin.x + column * side, origin.y + row * side, side, side);
            }
        }
      }
      context.restore();
    }
    const tile = top[state.current];
    if (tile) {
      const corner = toScreen(tile.place.minx, tile.place.miny);
      const box = [corner.x, corner.y, tile.place.width * zoom, tile.place.height * zoom];
      // The tile that was chosen is seen without colour when it is large enough to be judged.
      if (box[2] >= 96) context.clearRect(...box);
      for (const [style, line] of [['#fff', 5], ['#111', 2]]) {
        context.strokeStyle = style;
        context.lineWidth = line;
        context.strokeRect(...box);
      }
    }
  };
  const redraw = () => viewer.world.getItemCount() && draw();

  const drawScaleBar = () => {
    const perPixel = data.mpp / zoomLevel();
    const wanted = perPixel * 150, power = 10 ** Math.floor(Math.log10(wanted));
    const length = [5, 2, 1].find(step => step * power <= wanted) * power;
    const text = length >= 1000 ? `${short(length / 1000)} mm` : `${short(length)} µm`;
    get('scale-line').style.width = `${length / perPixel}px`;
    if (get('scale-text').textContent === text) return;
    get('scale-text').textContent = text;
    get('scale-bar').setAttribute('aria-label', `Scale bar: ${text}`);
  };

  // The legend: a histogram in the colours of the bar below it.
  const drawLegend = () => {
    const bar = get('bar').getContext('2d'), chart = get('histogram').getContext('2d');
    const { width } = get('bar'), { height } = get('histogram'), columns = 52;
    const position = score => score < state.threshold
      ? .5 * (state.threshold > data.low ? (score - data.low) / (state.threshold - data.low) : 0)
      : .5 + .5 * (data.high > state.threshold ? (score - state.threshold) / (data.high - state.threshold) : 1);
    const place = share => share < .5 ? mix(data.below, share * 2) : mix(data.above, share * 2 - 1);
    for (let x = 0; x < width; x++) {
      bar.fillStyle = css(place((x + .5) / width));
      bar.fillRect(x, 0, 1, 20);
    }
    const counts = new Array(columns).fill(0);
    for (let i = 0; i < scores.length; i++)
      if (inside[i] && !Number.isNaN(scores[i]))
        counts[Math.min(Math.floor(Math.min(Math.max(position(scores[i]), 0), 1) * columns), columns - 1)]++;
    // The root keeps a few positive tiles visible beside many negative ones.
    const most = Math.sqrt(Math.max(1, ...counts));
    chart.clearRect(0, 0, width, height);
    counts.forEach((count, index) => {
      const tall = count ? Math.max(2, Math.sqrt(count) / most * (height - 2)) : 0;
      chart.fillStyle = css(place((index + .5) / columns));
      chart.strokeStyle = '#7a828a';
      chart.fillRect(index * width / columns + .5, height - tall, width / columns - 1, tall);
      if (tall) chart.strokeRect(index * width / columns + .5, height - tall, width / columns - 1, tall);
    });
    get('low').textContent = short(data.low);
    get('middle').textContent = short(state.threshold);
    get('high').textContent = short(data.high);
    get('legend').setAttribute('aria-label', `Colours from blue at ${short(data.low)} through the threshold ${short(state.threshold)} to dark red at ${short(data.high)}, with a histogram of the scores.`);
  };

  const updateArea = () => {
    let above = 0, scored = 0;
    for (let i = 0; i < scores.length; i++)
      if (inside[i] && !Number.isNaN(scores[i])) {
        scored++;
        if (scores[i] >= state.threshold) above++;
      }
    const mm2 = (cells.side * data.mpp) ** 2 * 1e-6, share = scored ? above / scored * 100 : 0;
    get('area').textContent = `At or above ${short(state.threshold)}: ${area(above * mm2)}, ${share.toFixed(1)}\u00a0% of the scored area`;
    [...get('strip').querySelectorAll('button')].forEach((button, index) => {
      button.classList.toggle('under', top[index].score < state.threshold);
      button.querySelector('.dot').style.background = css(colour(top[index].score));
    });
  };
  const refresh = () => {
    recolour();
    drawLegend();
    updateArea();
    redraw();
  };

  // Controls.
  const slider = get('threshold'), number = get('threshold-number');
  [slider.min, slider.max] = [data.low, data.high];
  const setThreshold = value => {
    state.threshold = Math.min(Math.max(value, data.low), data.high);
    slider.value = state.threshold;
    slider.setAttribute('aria-valuetext', short(state.threshold));
    number.value = short(state.threshold);
    refresh();
  };
  const setOpacity = percent => {
    state.opacity = percent / 100;
    get('opacity').value = percent;
    get('opacity-text').textContent = `${percent} %`;
    redraw();
  };
  const setShown = shown => {
    state.shown = shown;
    get('toggle').setAttribute('aria-pressed', shown);
    redraw();
  };
  slider.addEventListener('input', () => setThreshold(Number(slider.value)));
  number.addEventListener('change', () => setThreshold(Number.isFinite(number.valueAsNumber) ? number.valueAsNumber : data.threshold));
  get('opacity').addEventListener('input', event => setOpacity(Number(event.target.value)));
  get('below').addEventListener('change', event => {
    state.below = event.target.checked;
    refresh();
  });
  get('reset').addEventListener('click', () => {
    state.below = get('below').checked = true;
    setOpacity(50);
    setShown(true);
    setThreshold(data.threshold);
  });

  // Moving.
  const home = () => viewport().fitBounds(new OpenSeadragon.Rect(0, 0, data.width / unit, data.height / unit), still);
  const zoomBy = factor => {
    viewport().zoomBy(factor);
    viewport().applyConstraints();
  };
  const fullResolution = () => viewport().zoomTo(unit / viewport().getContainerSize().x);
  const panBy = (x, y) => {
    viewport().panBy(viewport().deltaPointsFromPixels(new OpenSeadragon.Point(x, y)));
    viewport().applyConstraints();
  };
  const jump = index => {
    const tile = top[index];
    if (!tile) return;
    state.current = index;
    // The tile with one more on each side.
    const { minx, miny, width, height } = tile.place;
    const around = [minx - width, miny - height, width * 3, height * 3];
    viewport().fitBounds(new OpenSeadragon.Rect(...around.map(value => value / unit)), still);
    [...get('strip').querySelectorAll('button')].forEach((button, at) => {
      if (at === index) {
        button.setAttribute('aria-current', 'true');
        button.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      } else button.removeAttribute('aria-current');
    });
    get('status').textContent = `Tile ${index + 1} of ${top.length}, score ${told(tile.score)}`;
    redraw();
  };
  get('zoom-in').addEventListener('click', () => zoomBy(1.6));
  get('zoom-out').addEventListener('click', () => zoomBy(1 / 1.6));
  get('home').addEventListener('click', home);
  get('full').addEventListener('click', fullResolution);
  get('toggle').addEventListener('click', () => setShown(!state.shown));
  const step = (data.high - data.low) / 50;
  const keys = {
    '+': () => zoomBy(1.6), '=': () => zoomBy(1.6), '-': () => zoomBy(1 / 1.6), 0: home, 1: fullResolution,
    h: () => setShown(!state.shown), n: () => jump(Math.min(state.current + 1, top.length - 1)),
    p: () => jump(Math.max(state.current - 1, 0)),
    '[': () => setThreshold(state.threshold - step), ']': () => setThreshold(state.threshold + step),
    ArrowLeft: () => panBy(-80, 0), ArrowRight: () => panBy(80, 0), ArrowUp: () => panBy(0, -80), ArrowDown: () => panBy(0, 80),
  };
  // The viewer's own keys turn and mirror the slide; these are the page's.
  viewer.addHandler('canvas-key', event => { event.preventDefaultAction = true; });
  document.addEventListener('keydown', event => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const arrow = key.startsWith('Arrow'), field = event.target.closest('input');
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[key]) return;
    if (field && (arrow || field.type === 'number')) return;
    if (arrow && !get('slide').contains(event.target) && event.target !== document.body) return;
    event.preventDefault();
    keys[key]();
  });

  // What is under the pointer.
  viewer.innerTracker.moveHandler = event => {
    if (!viewer.world.getItemCount()) return;
    const [x, y] = toSlide(event.position), score = cellAt(x, y);
    const value = score === undefined ? 'no tile' : Number.isNaN(score) ? 'failed tile' : `score ${told(score)}`;
    get('readout').textContent = `${grouped(x)}, ${grouped(y)} · ${value}`;
  };
  viewer.innerTracker.leaveHandler = () => { get('readout').textContent = ''; };

  let opened = false;
  viewer.addHandler('open', () => {
    if (opened) return;
    opened = true;
    viewer.canvas.append(overlay);
    home();
    if (still) viewport().applyConstraints(true);
    setOpacity(50);
    setThreshold(data.threshold);
    // The strip's crops lie on the slide too, so that it is sharp where it matters most.
    top.forEach((tile, index) => viewer.addTiledImage({
      tileSource: { type: 'image', url: jpeg(pixels.crops[index]) },
      x: tile.crop.minx / unit, y: tile.crop.miny / unit, width: tile.crop.width / unit,
    }));
    document.documentElement.dataset.ready = 'yes';
  });
  viewer.addHandler('update-viewport', redraw);
  viewer.addHandler('resize', redraw);
  return { viewer, state, overlay, toScreen, toSlide, cellAt, jump, home, setThreshold, setOpacity, setShown };
})();

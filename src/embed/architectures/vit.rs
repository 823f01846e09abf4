use super::convnext::scaled;
use super::engine::{Engine, Network, Stage, convolve_once, normalise_once};
use super::positions::Positions;
use super::weights::Weights;
use crate::embed::Error;
use crate::embed::kernels::{Activation, ConvolutionShape, Padding};

/// Channels, heads and blocks of ViT-S.
const DIM: usize = 384;
const HEADS: usize = 6;
const DEPTH: usize = 12;

/// ViT-S; stage 0 makes the tokens, stage `i` is block `i − 1`, the last with the final normalisation.
///
/// # Source
/// Dosovitskiy et al., An image is worth 16 × 16 words, ICLR 2021; layer scale and register tokens as in Oquab et al.,
/// DINOv2, TMLR 2024, and Darcet et al., Vision transformers need registers, ICLR 2024.
pub(super) struct Vit<E: Engine> {
    patch: usize,
    embed: E::Convolution,
    /// Class and register tokens, with their position embeddings.
    prefix: Vec<f32>,
    positions: Positions,
    blocks: Vec<Block<E>>,
    norm: E::LayerNorm,
}

struct Block<E: Engine> {
    norm: [E::LayerNorm; 2],
    qkv: E::Convolution,
    project: E::Convolution,
    widen: E::Convolution,
    narrow: E::Convolution,
}

struct Reader<'a, E: Engine> {
    engine: &'a E,
    weights: &'a mut Weights,
}

impl<E: Engine> Reader<'_, E> {
    fn layer_norm(&mut self, name: &str) -> Result<E::LayerNorm, Error> {
        let scale = self.weights.take(&format!("{name}.weight"), &[DIM]);
        self.engine.layer_norm(scale, self.weights.take(&format!("{name}.bias"), &[DIM]))
    }

    /// A linear layer, with the layer scale of that name folded in where the file has one.
    fn linear(
        &mut self,
        name: &str,
        scale: Option<String>,
        [inputs, outputs]: [usize; 2],
        activation: Activation,
    ) -> Result<E::Convolution, Error> {
        let mut linear = self.weights.linear(name, [inputs, outputs]);
        if let Some(scale) = scale.filter(|scale| self.weights.has(scale)) {
            linear = scaled(linear, &self.weights.take(&scale, &[outputs]));
        }
        self.engine.convolution(ConvolutionShape::linear(inputs, outputs), linear.0, linear.1, activation)
    }
}

impl<E: Engine> Vit<E> {
    /// Builds the network for patches of that side.
    pub fn build(engine: &E, weights: &mut Weights, patch: usize) -> Result<Self, Error> {
        let (inputs, kernel, padding) = (weights.input_channels(), [patch; 2], Padding::Even(0));
        let shape = ConvolutionShape { inputs, outputs: DIM, kernel, stride: patch, padding, depthwise: false };
        let (weight, bias) = weights.convolution("patch_embed.proj", None, shape.weight_shape());
        let embed = engine.convolution(shape, weight, bias, Activation::None)?;
        let mut prefix = weights.take("cls_token", &[1, 1, DIM]);
        let count = weights.shape("pos_embed").and_then(|shape| shape.get(1)).copied().unwrap_or(1);
        let values = weights.take("pos_embed", &[1, count, DIM]);
        let positions = Positions::new(values, DIM);
        prefix.iter_mut().zip(positions.class()).for_each(|(token, position)| *token += position);
        for name in ["reg_token", "register_tokens"] {
            if let Some(count) = weights.shape(name).and_then(|shape| shape.get(1)).copied() {
                prefix.extend(weights.take(name, &[1, count, DIM]));
            }
        }
        let mut reader = Reader { engine, weights };
        let blocks = (0..DEPTH).map(|index| Block::build(&mut reader, index)).collect::<Result<_, Error>>()?;
        Ok(Self { patch, embed, prefix, positions, blocks, norm: reader.layer_norm("norm")? })
    }
}

impl<E: Engine> Block<E> {
    fn build(reader: &mut Reader<'_, E>, index: usize) -> Result<Self, Error> {
        let name = |part: &str| format!("blocks.{index}.{part}");
        Ok(Self {
            norm: [reader.layer_norm(&name("norm1"))?, reader.layer_norm(&name("norm2"))?],
            qkv: reader.linear(&name("attn.qkv"), None, [DIM, 3 * DIM], Activation::None)?,
            project: reader.linear(&name("attn.proj"), Some(name("ls1.gamma")), [DIM, DIM], Activation::None)?,
            widen: reader.linear(&name("mlp.fc1"), None, [DIM, 4 * DIM], Activation::Gelu)?,
            narrow: reader.linear(&name("mlp.fc2"), Some(name("ls2.gamma")), [4 * DIM, DIM], Activation::None)?,
        })
    }

    fn run(&self, engine: &E, map: E::Map) -> Result<E::Map, Error> {
        let qkv = convolve_once(engine, &self.qkv, engine.normalise(&self.norm[0], &map)?)?;
        let attended = engine.attention(&qkv, HEADS)?;
        engine.release(qkv);
        let middle = engine.convolve(&self.project, &attended, Some(&map))?;
        engine.release(attended);
        engine.release(map);
        let wide = convolve_once(engine, &self.widen, engine.normalise(&self.norm[1], &middle)?)?;
        let out = engine.convolve(&self.narrow, &wide, Some(&middle))?;
        engine.release(wide);
        engine.release(middle);
        Ok(out)
    }
}

impl<E: Engine> Network<E> for Vit<E> {
    fn stages(&self) -> Vec<Stage> {
        vec![Stage { channels: DIM, stride: self.patch }; DEPTH + 1]
    }

    fn run(&self, engine: &E, index: usize, map: E::Map) -> Result<E::Map, Error> {
        let Some(block) = index.checked_sub(1) else {
            let patches = convolve_once(engine, &self.embed, map)?;
            let positions = self.positions.on_grid(engine.size(&patches)?);
            let tokens = engine.tokens(&patches, &self.prefix, &positions)?;
            engine.release(patches);
            return Ok(tokens);
        };
        let map = match self.blocks.get(block) {
            Some(block) => block.run(engine, map)?,
            None => map,
        };
        if index == DEPTH { normalise_once(engine, &self.norm, map) } else { Ok(map) }
    }

    fn pool(&self, engine: &E, features: E::Map) -> Result<E::Map, Error> {
        let first = engine.first_token(&features)?;
        engine.release(features);
        Ok(first)
    }
}
